/** The decoder held to a real small model, stories260K, where its file and figures lie beside the checkout. */
import { assertEquals } from "@std/assert";
import { linear, take } from "../../lib/grad/layers.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { dpoLoss } from "../../lib/losses/dpo.ts";
import { sftLoss } from "../../lib/losses/sft.ts";
import { type DecoderConfig, type DecoderParams, headOf } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import { generate } from "../../lib/model/generate.ts";
import { logps, tokenLogps } from "../../lib/model/logps.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { leaves, treeMap } from "../../lib/tensor/tree.ts";
import { assertNear, inEachPrecision } from "../oracles.ts";
import { placeOf, readLlama2c } from "./llama2c.ts";

const shared = new URL("../../../shared/", import.meta.url);

/** A file beside the checkout; undefined where there is none, or no permission to read it. */
async function fileOf(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { state } = await Deno.permissions.query({ name: "read", path: shared });
  return state === "granted" ? await Deno.readFile(new URL(path, shared)).catch(() => undefined) : undefined;
}

/** The figures of a file, under the type they have. */
async function figuresOf<T>(path: string): Promise<T> {
  const bytes = await fileOf(path);
  return (bytes === undefined ? {} : JSON.parse(new TextDecoder().decode(bytes))) as T;
}

interface Figures {
  readonly greedy_200: { readonly token_ids: number[] };
  readonly greedy_prompt: { readonly token_ids: number[]; readonly prompt: string };
  readonly encodings: readonly { readonly text: string; readonly ids: number[] }[];
  readonly logits: Readonly<Record<"input_ids" | "nll" | `position_${0 | 31 | 63}`, number[]>>;
  readonly sequences: readonly {
    readonly ids: number[];
    readonly token_log_probs: number[];
    readonly sum_log_prob: number;
  }[];
}

interface DpoFigures {
  readonly cross_entropy: number;
  readonly dpo_mean_loss: number;
  readonly pairs: readonly Readonly<
    & Record<"chosen_ids" | "rejected_ids", number[]>
    & Record<"prompt_tokens" | "policy_logp_chosen" | "policy_logp_rejected", number>
    & Record<"reference_logp_chosen" | "reference_logp_rejected" | "reward_chosen" | "reward_rejected", number>
    & Record<"margin" | "dpo_loss", number>
  >[];
  readonly gradients: readonly Readonly<
    { tensor: string; index: number[]; d_cross_entropy: number; d_dpo: number }
  >[];
}

const weights = await fileOf("data/stories260K.bin");
const figures = await figuresOf<Figures>("reference/lm/stories260K.json");
const dpoFigures = await figuresOf<DpoFigures>("reference/lm/stories260K.dpo.json");
const ignore = weights === undefined || figures.logits === undefined || dpoFigures.pairs === undefined;

interface Model {
  readonly config: DecoderConfig;
  readonly params: DecoderParams;
}

const model = (dtype: Dtype): Model => readLlama2c(weights as Uint8Array<ArrayBuffer>, dtype);
const tokens = (ids: readonly number[]): Int32Array => Int32Array.from(ids);

/** A text as a batch: its first token is the prompt, the rest is predicted. */
const text = (ids: readonly number[]) => ({ prompt: tokens(ids.slice(0, 1)), completions: [tokens(ids.slice(1))] });

inEachPrecision("stories260K has its logits at positions 0, 31 and 63", ({ dtype, near }) => {
  const { config, params } = model(dtype);
  const batch = pack([{ prompt: tokens(figures.logits.input_ids), completions: [] }]);
  const logits = linear(hiddenStates(params, config, batch), headOf(params)).data;
  for (const position of [0, 31, 63] as const) {
    const row = logits.slice(position * config.vocabSize, (position + 1) * config.vocabSize);
    near(row, figures.logits[`position_${position}`]);
  }
}, { ignore });

inEachPrecision("stories260K has its log-probabilities, token by token and by sentence", ({ dtype, near }) => {
  const { config, params } = model(dtype);
  const { input_ids, nll } = figures.logits;
  near(tokenLogps(params, config, pack([text(input_ids)])).data, nll.map((x) => -x));
  const batch = pack(figures.sequences.map(({ ids }) => text(ids)));
  near(tokenLogps(params, config, batch).data, figures.sequences.flatMap((s) => s.token_log_probs));
  near(logps(params, config, batch).data, figures.sequences.map((s) => s.sum_log_prob));
}, { ignore });

inEachPrecision("stories260K tells its two greedy stories, token by token", ({ dtype }) => {
  const { config, params } = model(dtype);
  const stories = [
    { prompt: tokens([1]), ids: figures.greedy_200.token_ids },
    { prompt: tokens(figures.greedy_prompt.token_ids.slice(0, 8)), ids: figures.greedy_prompt.token_ids },
  ];
  const maxNewTokens = Math.max(...stories.map(({ prompt, ids }) => ids.length - prompt.length));
  const told = generate({ config, params }, stories.map(({ prompt }) => prompt), {
    key: key(0),
    temperature: 0,
    maxNewTokens,
    eos: 2,
  });
  stories.forEach(({ prompt, ids }, i) => {
    assertEquals([...prompt, ...told[i]?.[0]?.ids as Int32Array].slice(0, ids.length), ids);
  });
}, { ignore });

const sides = [Int32Array.of(0, 2, 4, 6), Int32Array.of(1, 3, 5, 7)] as const;

/** The four pairs with their prompts shared. */
const preferences = () =>
  pack(dpoFigures.pairs.map(({ prompt_tokens: n, chosen_ids, rejected_ids }) => ({
    prompt: tokens(chosen_ids.slice(0, n)),
    completions: [tokens(chosen_ids.slice(n)), tokens(rejected_ids.slice(n))],
  })));

/** The DPO loss by the policy, against the same file with `wo` of every layer times 0.9. */
function preferenceLoss({ config, params }: Model): (params: DecoderParams) => Loss {
  const batch = preferences();
  const reference = treeMap(
    (t, path) => path.endsWith("output") ? tensor(t.shape, Array.from(t.data, (x) => 0.9 * x), t.dtype) : t,
    params,
  );
  const split = (p: DecoderParams): [Tensor, Tensor] => {
    const all = logps(p, config, batch);
    return [take(all, sides[0]), take(all, sides[1])];
  };
  const [refChosen, refRejected] = split(reference);
  return (p) => {
    const [chosen, rejected] = split(p);
    return dpoLoss({ chosen, rejected, refChosen, refRejected }, { beta: 0.1 });
  };
}

inEachPrecision("stories260K has its DPO values", ({ dtype, near }) => {
  const { config, params } = model(dtype);
  const { pairs } = dpoFigures;
  near(
    logps(params, config, preferences()).data,
    pairs.flatMap((p) => [p.policy_logp_chosen, p.policy_logp_rejected]),
  );
  const { loss, metrics } = valueAndGrad(preferenceLoss({ config, params }))(params);
  near(loss, dpoFigures.dpo_mean_loss);
  const mean = (f: (pair: (typeof pairs)[number]) => number): number => pairs.reduce((sum, p) => sum + f(p), 0) / 4;
  const reported = divideMeans(metrics);
  near(reported["rewards/chosen"] as number, mean((p) => p.reward_chosen));
  near(reported["rewards/rejected"] as number, mean((p) => p.reward_rejected));
  near(reported["rewards/margins"] as number, mean((p) => p.margin));
  assertEquals(reported["rewards/accuracies"], mean((p) => Number(p.margin > 0)));
}, { ignore });

inEachPrecision("stories260K has its 33 gradients of cross-entropy and of DPO", ({ dtype, tolerance }) => {
  const { config, params } = model(dtype);
  const batch = pack([text(figures.logits.input_ids)]);
  const likelihood = valueAndGrad((p: DecoderParams) => sftLoss(tokenLogps(p, config, batch), batch.offsets))(params);
  const preference = valueAndGrad(preferenceLoss({ config, params }))(params);
  assertNear(likelihood.loss, dpoFigures.cross_entropy, tolerance);
  const [byText, byPairs] = [likelihood, preference].map(({ grads }) => new Map(leaves(grads))) as Map<
    string,
    Tensor
  >[];
  // The figures are differences that agree to 2e-12; in f32 the file's README asks for 1e-4 or 1e-7.
  const near = dtype === "f64" ? { rtol: 1e-9, atol: 1e-11 } : { rtol: 1e-4, atol: 1e-7 };
  assertEquals(dpoFigures.gradients.length, 33);
  for (const { tensor: name, index, d_cross_entropy, d_dpo } of dpoFigures.gradients) {
    const { path, at } = placeOf(name, index, config);
    assertNear([byText, byPairs].map((g) => g?.get(path)?.data[at] as number), [d_cross_entropy, d_dpo], near);
  }
}, { ignore });
