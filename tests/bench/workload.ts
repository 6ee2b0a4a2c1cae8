/**
 * What the benchmarks train on: shapes of models, and preference pairs of the lengths that chats have, of random tokens.
 *
 * *Real tokens* are those of prompt and completion of both sides of each pair: a prompt counts twice, though it is
 * computed once, so that figures compare with those of trainers that compute it twice.
 */
import { type DecoderConfig, fold, initDecoder, key, run, type Stage, uniform } from "../../mod.ts";
import type { TokenPair } from "../../lib/data/token_pair.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";

/** Tokens of prompt, chosen and rejected reply. */
export type Lengths = readonly [prompt: number, chosen: number, rejected: number];

function llama(
  width: number,
  layers: number,
  sizes: { mlp: number; vocab: number; heads: number; kvHeads: number },
): DecoderConfig {
  const { mlp, vocab, heads, kvHeads } = sizes;
  return {
    vocabSize: vocab,
    hiddenSize: width,
    layers,
    contextLength: 512,
    norm: { type: "rms", eps: 1e-5 },
    positions: { type: "rotary", theta: 10_000 },
    attention: { heads, kvHeads, headDim: width / heads },
    mlp: { type: "gatedSilu", size: mlp },
    tiedEmbeddings: true,
  };
}

/** Models by size: the fixture world's, one of 5 million parameters, and one of 135 million. */
export const shapes = {
  world: llama(128, 3, { mlp: 344, vocab: 512, heads: 4, kvHeads: 2 }),
  S: llama(256, 4, { mlp: 688, vocab: 8192, heads: 8, kvHeads: 8 }),
  M: llama(576, 30, { mlp: 1536, vocab: 49_152, heads: 9, kvHeads: 3 }),
} as const satisfies Readonly<Record<string, DecoderConfig>>;

/** Lengths of 64 pairs, log-normal as those of chats are: 349 real tokens a pair, at most 512 a sequence. */
// deno-fmt-ignore
const chat: readonly Lengths[] = [
  [67,122,20],[97,79,24],[45,30,19],[32,34,35],[87,11,77],[121,150,11],[139,48,80],[23,52,44],[216,81,156],[183,37,41],
  [56,56,133],[68,33,55],[34,32,42],[191,65,37],[170,101,46],[128,156,69],[48,38,25],[150,27,15],[130,55,68],[74,23,200],
  [17,56,54],[143,22,40],[76,30,27],[151,54,41],[102,55,43],[18,67,58],[80,250,50],[139,42,70],[210,61,15],[63,187,32],
  [61,32,20],[90,45,62],[79,359,57],[74,36,20],[54,28,59],[113,30,107],[180,38,99],[127,21,68],[342,105,170],[237,46,21],
  [63,127,12],[92,55,24],[77,95,32],[49,26,66],[200,72,77],[132,39,69],[81,76,39],[84,63,44],[58,20,143],[224,119,218],
  [66,116,37],[94,22,54],[467,38,45],[38,55,133],[35,83,66],[44,71,144],[108,63,60],[28,50,29],[45,35,115],[161,84,36],
  [185,20,28],[101,128,87],[44,44,122],[119,39,20],
];

/** Lengths of the fixture world's pairs, about. */
const short: readonly Lengths[] = [[20, 12, 15], [17, 8, 20], [25, 17, 9], [12, 22, 14], [28, 10, 11], [19, 14, 18]];

/** Random tokens, the same for the same name. */
export const tokens = (name: string, length: number, { vocabSize }: DecoderConfig): Int32Array =>
  Int32Array.from(uniform(fold(key(0), name), length), (u) => Math.floor(u * vocabSize));

/** `count` pairs of random tokens for a model. */
export function pairs(size: keyof typeof shapes, count: number): readonly TokenPair[] {
  const lengths = size === "world" ? short : chat;
  return Array.from({ length: count }, (_, i) => {
    const [prompt, chosen, rejected] = lengths[i % lengths.length]!;
    const ids = (part: string, length: number): Int32Array => tokens(`${i} ${part}`, length, shapes[size]);
    return {
      id: `row ${i}`,
      prompt: ids("prompt", prompt),
      chosen: ids("chosen", chosen),
      rejected: ids("rejected", rejected),
    };
  });
}

/** Real tokens of some pairs. */
export function realTokens(rows: readonly TokenPair[]): number {
  return rows.reduce(
    (sum, { prompt, chosen, rejected }) => sum + 2 * prompt.length + chosen.length + rejected.length,
    0,
  );
}

/** Real tokens of a step, by its number, where a step takes `size` pairs in their order. */
export const realTokensOf = (rows: readonly TokenPair[], size: number) => (step: number): number =>
  realTokens(rows.slice(step * size, (step + 1) * size));

/**
 * What `dpoUpdate` begins with: a fresh model, pairs, and a reference that finds all tokens equally probable, as the model
 * nearly does. With log-probs far from the model's the loss is saturated, and gradients are subnormal numbers, with which
 * processors compute a hundred times slower.
 */
export const dpoGiven = (config: DecoderConfig, rows: readonly TokenPair[]): object => ({
  config,
  policy: initDecoder(key(1), config),
  rows,
  heldOutRows: [],
  refLogps: Float64Array.from(
    rows.flatMap(({ chosen, rejected }) =>
      [chosen, rejected].map(({ length }) => -length * Math.log(config.vocabSize))
    ),
  ),
  tokenizer: trainTokenizer([], { vocabSize: 259, specialTokens: ["<|end|>", "<|user|>", "<|assistant|>"] }),
});

/** Units a second in each step of training but the first; `onStep` hears of every step, and of its loss. */
export async function stepRates(
  stage: Stage<never, object>,
  given: object,
  units: (step: number) => number,
  onStep: (step: number, loss: number) => void = () => {},
): Promise<readonly number[]> {
  const ends: number[] = [];
  for await (const event of run(stage, { seed: 1, given: given as never })) {
    if (event.type !== "step" || typeof event.metrics.loss !== "number") continue;
    ends.push(performance.now());
    onStep(ends.length - 1, event.metrics.loss);
  }
  return ends.slice(1).map((end, i) => 1000 * units(i + 1) / (end - ends[i]!));
}
