/** Log-probabilities held to numbers of 60-digit arithmetic, and to the laws of ragged batches. */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { chosenLogProbs } from "../../lib/grad/layers.ts";
import { segmentSum } from "../../lib/grad/ops.ts";
import { accumulateGrads, type Gradient, type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { dpoLoss } from "../../lib/losses/dpo.ts";
import { sftLoss } from "../../lib/losses/sft.ts";
import type { DecoderConfig, DecoderParams } from "../../lib/model/decoder.ts";
import { logps, tokenLogps } from "../../lib/model/logps.ts";
import { choice, fold, integer, type Key, key } from "../../lib/tensor/random.ts";
import { type Batch, type Example, pack } from "../../lib/tensor/ragged.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { inEachPrecision, type Numbers, oracle } from "../oracles.ts";
import { decoder, decoders, pairs } from "./golden.ts";

/** A model with no layer, whose logits after token i are the given row i. */
function bigram(rows: readonly (readonly number[])[], dtype: Dtype): readonly [DecoderParams, DecoderConfig] {
  const [n, vocab] = [rows.length, (rows[0] as readonly number[]).length];
  const unit = Array.from({ length: vocab * n }, (_, i) => Number(i % n === Math.floor(i / n)));
  const config: DecoderConfig = {
    vocabSize: vocab,
    hiddenSize: n,
    layers: 0,
    contextLength: 16,
    norm: { type: "rms", eps: 0 },
    positions: { type: "rotary", theta: 100 },
    attention: { heads: 1, kvHeads: 1, headDim: 2 },
    mlp: { type: "gatedSilu", size: 1 },
    tiedEmbeddings: false,
  };
  return [{
    embedding: tensor([vocab, n], unit, dtype),
    layers: [],
    norm: tensor([n], Array(n).fill(1 / Math.sqrt(n)), dtype), // undoes the norm of a unit vector
    head: tensor(
      [vocab, n],
      Array.from({ length: vocab * n }, (_, i) => rows[i % n]?.[Math.floor(i / n)] as number),
      dtype,
    ),
  }, config];
}

type Sequence = Readonly<{ logits: number[][]; token_ids: number[]; completion_mask: number[] }>;

inEachPrecision("logps() has the tokens, sum and mean of seq_logp_shift_mask", ({ dtype, near }) => {
  const { inputs, expected } = oracle<Sequence, { token_logps: number[]; sum: number; count: number; mean: number }>(
    "seq_logp_shift_mask",
  );
  const at = inputs.logits as [number[], number[], number[], number[], number[]];
  // The ids are 1 2 0 3 1 0: after token 0 come the logits of position 2, after 1 of 0, after 2 of 1, after 3 of 3.
  const [params, config] = bigram([at[2], at[0], at[1], at[3]], dtype);
  const batch = pack([{ prompt: Int32Array.of(1, 2), completions: [Int32Array.of(0, 3, 1)] }]);
  near(logps(params, config, batch).data, [expected.sum]);
  assertEquals([...batch.offsets], [0, expected.count]);
  near((logps(params, config, batch).data[0] as number) / expected.count, expected.mean);
  const whole = pack([{ prompt: Int32Array.of(1), completions: [Int32Array.of(2, 0, 3, 1)] }]);
  near(tokenLogps(params, config, whole).data, expected.token_logps.slice(0, 4));
  // Position 4 has token 1 again, with logits of its own.
  const [again] = bigram([at[2], at[4], at[1], at[3]], dtype);
  const last = pack([{ prompt: Int32Array.of(1), completions: [Int32Array.of(0)] }]);
  near(tokenLogps(again, config, last).data, expected.token_logps.slice(4));
});

inEachPrecision(
  "logps() of a uniform model is −ln V a completion token, and not one for each row",
  ({ dtype, near }) => {
    const { inputs, expected, ...rest } = oracle<Sequence, { sum: number }>("seq_logp_uniform");
    const [params, config] = bigram(Array(10).fill(inputs.logits[0]) as number[][], dtype);
    const [prompt, completion] = [0, 1].map((of) =>
      Int32Array.from(inputs.token_ids.filter((_, i) => i < 3 && inputs.completion_mask[i] === of))
    ) as [Int32Array, Int32Array];
    const sum = logps(params, config, pack([{ prompt, completions: [completion] }])).data[0] as number;
    near(sum, expected.sum);
    const { known_wrong } = rest as unknown as { known_wrong: readonly { value: { sum: number } }[] };
    assertEquals(known_wrong.length, 1);
    for (const { value } of known_wrong) assertLess(4, Math.abs(sum - value.sum));
  },
);

Deno.test("an empty completion sums to exactly 0, has no mean, and no batch holds one (seq_logp_empty_completion)", () => {
  const { expected } = oracle<Sequence, { sum: number }>("seq_logp_empty_completion");
  const none = tensor([0], [], "f64");
  assertEquals([...segmentSum(none, Int32Array.of(0, 0)).data], [expected.sum]);
  assertThrows(() => sftLoss(none, Int32Array.of(0, 0)), RangeError, "completion 0 has no token");
  assertThrows(
    () => pack([{ prompt: Int32Array.of(1), completions: [Int32Array.of()] }]),
    RangeError,
    "Cannot pack example 0 as its prompt and completions need at least one token each",
  );
});

for (const id of ["log_softmax_extreme_pos", "log_softmax_extreme_neg", "log_softmax_temperature_1.0"]) {
  inEachPrecision(`chosenLogProbs() has the log-probabilities of ${id}`, ({ dtype, near }) => {
    const { inputs: { logits }, expected } = oracle<
      { logits: number[] },
      { log_probs: number[]; logsumexp?: number }
    >(id);
    const n = logits.length;
    const identity = tensor([n, n], Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)), dtype);
    const hidden = tensor([n, n], Array(n).fill(logits).flat(), dtype);
    const out = chosenLogProbs(hidden, identity, Int32Array.from(logits.keys())).data;
    near(out, expected.log_probs);
    if (expected.logsumexp !== undefined) near((logits[0] as number) - (out[0] as number), expected.logsumexp);
  });
}

/** A few examples of random tokens: prompts of 1–5, one to three completions of 1–6. */
function examples(k: Key, vocab: number): readonly Example[] {
  const ids = (k: Key, most: number): Int32Array =>
    Int32Array.from({ length: 1 + integer(fold(k, "length"), most) }, (_, i) => integer(fold(k, i), vocab));
  return Array.from({ length: 6 }, (_, row) => {
    const at = fold(k, row);
    const completions = Array.from({ length: choice(fold(at, "n"), [1, 2, 3]) }, (_, c) => ids(fold(at, `c${c}`), 6));
    return { prompt: ids(fold(at, "prompt"), 5), completions };
  });
}

/** The numbers of a gradient in one row each. */
const numbers = (tree: unknown): Numbers[] => leaves(tree).map(([, leaf]) => leaf.data);

for (const name of decoders) {
  inEachPrecision(
    `the ${name} decoder's ragged batch equals its examples one at a time`,
    ({ dtype, near, backend }) => {
      const { config, params } = decoder(name, dtype);
      const batch = examples(key(1), config.vocabSize);
      const f = (p: DecoderParams, of: readonly Example[]): Loss => {
        const packed = pack(of);
        return sftLoss(tokenLogps(p, config, packed), packed.offsets);
      };
      const whole = tokenLogps(params, config, pack(batch)).data;
      const single = batch.flatMap((example) => [...tokenLogps(params, config, pack([example])).data]);
      assertEquals([...whole], single, `bit for bit in ${backend}`);
      const together = valueAndGrad(f)(params, batch);
      const apart = accumulateGrads(f)(params, batch.map((example) => [example]));
      near(together.loss, apart.loss);
      near(numbers(together.grads), numbers(apart.grads));
    },
  );

  inEachPrecision(`the ${name} decoder's shared prompt equals prompts of their own`, ({ dtype, near }) => {
    const { config, params } = decoder(name, dtype);
    const shared = examples(key(2), config.vocabSize);
    const unshared = shared.flatMap(({ prompt, completions }) =>
      completions.map((completion) => ({ prompt, completions: [completion] }))
    );
    const of = (batch: Batch): Gradient<DecoderParams> =>
      valueAndGrad((p: DecoderParams) => sftLoss(tokenLogps(p, config, batch), batch.offsets))(params);
    const [a, b] = [of(pack(shared)), of(pack(unshared))];
    near(a.loss, b.loss);
    near(numbers(a.grads), numbers(b.grads));
    assertEquals([...logps(params, config, pack(shared)).data], [...logps(params, config, pack(unshared)).data]);
  });

  inEachPrecision(`gradients of the ${name} decoder accumulate: 1 × 16 pairs equal 4 × 4`, ({ dtype, near }) => {
    const { config, params, reference } = decoder(name, dtype);
    const sixteen = Array.from({ length: 16 }, (_, i) => pairs[(i * 2) % 3] as (typeof pairs)[number])
      .map(({ prompt, chosen, rejected }, i) => ({ prompt: Int32Array.of(1 + i, ...prompt), chosen, rejected }));
    const quarters = [0, 4, 8, 12].map((start) => sixteen.slice(start, start + 4));
    type Part = readonly (typeof pairs)[number][];
    const side = (p: DecoderParams, part: Part, which: "chosen" | "rejected"): Tensor =>
      logps(p, config, pack(part.map((pair) => ({ prompt: pair.prompt, completions: [pair[which]] }))));
    const dpo = (p: DecoderParams, part: Part): Loss =>
      dpoLoss({
        chosen: side(p, part, "chosen"),
        rejected: side(p, part, "rejected"),
        refChosen: side(reference, part, "chosen"),
        refRejected: side(reference, part, "rejected"),
      }, { beta: 0.2 });
    const sft = (p: DecoderParams, part: Part): Loss => {
      const batch = pack(part.map(({ prompt, chosen }) => ({ prompt, completions: [chosen] })));
      return sftLoss(tokenLogps(p, config, batch), batch.offsets);
    };
    for (const loss of [dpo, sft]) {
      const [whole, parts] = [valueAndGrad(loss)(params, sixteen), accumulateGrads(loss)(params, quarters)];
      near(parts.loss, whole.loss);
      near(numbers(parts.grads), numbers(whole.grads));
      for (const [metric, { sum, count }] of Object.entries(whole.metrics)) {
        near(parts.metrics[metric]?.sum as number, sum);
        assert(parts.metrics[metric]?.count === count);
      }
    }
  });
}
