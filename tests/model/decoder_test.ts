/** The decoder held to an independent plain implementation: logits, log-probabilities, losses and gradients. */
import { assertEquals, assertLess, assertMatch, assertThrows } from "@std/assert";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { linear, take } from "../../lib/grad/layers.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { dpoLoss } from "../../lib/losses/dpo.ts";
import { sftLoss } from "../../lib/losses/sft.ts";
import { type DecoderConfig, type DecoderParams, headOf, initDecoder } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import { logps, tokenLogps } from "../../lib/model/logps.ts";
import { key } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { inEachPrecision } from "../oracles.ts";
import { formulaModel } from "./formula_models.ts";
import { beta, decoder, decoders, type Golden, pairs, sequence } from "./golden.ts";

const [even, odd] = [0, 1].map((first) => Int32Array.from(pairs, (_, i) => 2 * i + first)) as [Int32Array, Int32Array];
const preferences = pack(pairs.map(({ prompt, chosen, rejected }) => ({ prompt, completions: [chosen, rejected] })));
const demonstrations = pack(pairs.map(({ prompt, chosen }) => ({ prompt, completions: [chosen] })));

/** The DPO loss of a decoder's params against its reference. */
function preferenceLoss({ config, reference }: Golden): (params: DecoderParams) => Loss {
  const split = (params: DecoderParams): { chosen: Tensor; rejected: Tensor } => {
    const all = logps(params, config, preferences);
    return { chosen: take(all, even), rejected: take(all, odd) };
  };
  const { chosen: refChosen, rejected: refRejected } = split(reference);
  return (params) => dpoLoss({ ...split(params), refChosen, refRejected }, { beta });
}

for (const name of decoders) {
  inEachPrecision(`the ${name} decoder has the logits of a plain implementation`, ({ dtype, near }) => {
    const { config, params, figures } = decoder(name, dtype);
    const text = pack([{ prompt: sequence, completions: [] }]);
    const logits = linear(hiddenStates(params, config, text), headOf(params)).data;
    for (const [position, row] of Object.entries(figures.logits)) {
      near(logits.slice(Number(position) * config.vocabSize).subarray(0, config.vocabSize), row);
    }
  });

  inEachPrecision(`the ${name} decoder has its log-probabilities by token and by completion`, ({ dtype, near }) => {
    const { config, params, reference, figures } = decoder(name, dtype);
    near(tokenLogps(params, config, preferences).data, figures.tokenLogps.flat());
    const sums = figures.tokenLogps.map((tokens) => tokens.reduce((a, b) => a + b));
    near(logps(params, config, preferences).data, sums);
    near(logps(reference, config, preferences).data, figures.refLogps.flat());
  });

  inEachPrecision(`the ${name} decoder has its SFT and DPO losses and gradients by every tensor`, ({ dtype, near }) => {
    const golden = decoder(name, dtype);
    const { config, params, figures } = golden;
    const sft = valueAndGrad((p: DecoderParams) =>
      sftLoss(tokenLogps(p, config, demonstrations), demonstrations.offsets)
    )(params);
    const dpo = valueAndGrad(preferenceLoss(golden))(params);
    near([sft.loss, dpo.loss], [figures.sftLoss, figures.dpoLoss]);
    const [bySft, byDpo] = [sft, dpo].map(({ grads }) => new Map(leaves(grads))) as Map<string, Tensor>[];
    for (const [path, index, expectedSft, expectedDpo] of figures.gradients) {
      near([bySft, byDpo].map((g) => g?.get(path)?.data[index] as number), [expectedSft, expectedDpo]);
    }
    assertEquals(new Set(figures.gradients.map(([path]) => path)), new Set(bySft?.keys()));
  });
}

Deno.test("the DPO loss of a decoder passes checkGrads by all of its parameters", () => {
  for (const name of decoders) {
    const golden = decoder(name, "f64");
    const f = (params: DecoderParams): Tensor => preferenceLoss(golden)(params).loss.sum;
    // A direction of some 5,000 numbers is long, so the step along it is short.
    assertLess(checkGrads(f, golden.params, { key: key(1), step: 1e-4 }).error, 1e-8);
  }
});

Deno.test("initDecoder() is nearly uniform over its vocabulary, its norms one, and its residual writers smaller", () => {
  const { config } = decoder("untied", "f64");
  const wide = { ...config, hiddenSize: 64, mlp: { ...config.mlp, size: 256 } };
  const params = initDecoder(key(1), wide, "f64");
  const deviation = (t: Pick<Tensor, "data">): number =>
    Math.sqrt([...t.data].reduce((sum, x) => sum + x * x, 0) / t.data.length);
  const near = (t: Pick<Tensor, "data"> | undefined, expected: number): void => {
    assertLess(Math.abs(deviation(t as Pick<Tensor, "data">) / expected - 1), 0.1);
  };
  for (const [i, layer] of params.layers.entries()) {
    near(layer.gate, 0.02);
    near(layer.down, 0.02 / Math.sqrt(2 * config.layers));
    near(layer.output, 0.02 / Math.sqrt(2 * config.layers));
    assertEquals([...layer.mlpNorm?.data ?? []], Array(64).fill(1), `layer ${i}`);
  }
  near(params.embedding, 0.02);
  near(params.head, 0.02);
  for (const logp of tokenLogps(params, wide, preferences).data) assertLess(Math.abs(logp + Math.log(23)), 0.7);
  assertEquals(leaves(initDecoder(key(1), wide)).map(([p]) => p), leaves(params).map(([p]) => p));
});

Deno.test("initDecoder() starts norms at 1, offset included, and biases at 0", () => {
  for (const name of ["gpt2", "gemma2", "llama with all biases and stretched angles"] as const) {
    const { config } = formulaModel(name, "f64");
    const offset = config.norm.type === "rms" ? config.norm.offset ?? 0 : 0;
    for (const [path, { shape, data }] of leaves(initDecoder(key(1), config, "f64"))) {
      if (shape.length === 1) assertEquals(new Set(data), new Set([path.endsWith("Bias") ? 0 : 1 - offset]), path);
    }
  }
});

Deno.test("the decoder refuses parameters that are not those of its architecture, by their names", () => {
  const { config, params } = decoder("tied", "f64");
  const text = pack([{ prompt: sequence, completions: [] }]);
  const biased = { ...config, attention: { ...config.attention, bias: "queryKeyValue" } } as const;
  const refused = (p: DecoderParams, c: typeof biased | typeof config): string =>
    assertThrows(() => hiddenStates(p, c, text), TypeError, "Cannot run the decoder as layer 0 must have").message;
  assertMatch(
    refused(params, biased),
    /must have the parameters attentionNorm, query, queryBias, .*: it has .*query, key/,
  );
  assertMatch(refused(initDecoder(key(1), biased, "f64"), config), /it has attentionNorm, query, queryBias/);
});

Deno.test("the decoder refuses architectures whose sizes do not fit each other", () => {
  const { config } = decoder("tied", "f64");
  const { attention } = config;
  const rules: readonly (readonly [Partial<DecoderConfig>, string])[] = [
    [{ attention: { ...attention, kvHeads: 3 } }, "attention.kvHeads must divide 4 heads: current value is 3"],
    [{ attention: { ...attention, window: 0 } }, "attention.window must be a whole number ≥ 1: current value is 0"],
    [{ attention: { ...attention, window: [4] } }, "attention.window must have an entry for each of 2 layers"],
    [{ attention: { ...attention, softcap: 0 } }, "attention.softcap must be > 0: current value is 0"],
    [{ logitSoftcap: -1 }, "logitSoftcap must be > 0: current value is -1"],
    [{ positions: { type: "byLayer", layers: [{ type: "none" }] } }, "positions.layers must have an entry for each"],
    [{ positions: { type: "rotary", theta: 9, size: 3 } }, "rotary size must be an even number of at most headDim"],
  ];
  for (const [change, rule] of rules) {
    assertThrows(() => initDecoder(key(1), { ...config, ...change }), RangeError, `Cannot make a decoder as ${rule}`);
  }
});

Deno.test("the decoder refuses a sequence beyond its context and a token beyond its vocabulary", () => {
  const { config, params } = decoder("tied", "f64");
  const long = pack([{ prompt: new Int32Array(20), completions: [new Int32Array(13)] }]);
  assertThrows(
    () => tokenLogps(params, config, long),
    RangeError,
    "Cannot run the decoder as its context is 32 tokens: a sequence has 33",
  );
  const foreign = pack([{ prompt: Int32Array.of(1, 23), completions: [] }]);
  assertThrows(() => hiddenStates(params, config, foreign), RangeError, "ids must be in 0 … 22: ids[1] is 23");
});
