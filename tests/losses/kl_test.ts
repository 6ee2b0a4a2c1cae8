/** klLoss held to the gradients of 60-digit arithmetic at one state; over sequences see `tests/rl/kl_gradients_test.ts`. */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { chosenLogProbs } from "../../lib/grad/layers.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { klLoss, type KlLossOptions } from "../../lib/losses/kl.ts";
import { divide } from "../../lib/tensor/mean.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { inEachPrecision, oracle } from "../oracles.ts";

type Inputs = Readonly<{ logits: number[]; ref_probs: number[] }>;
type Expected = Readonly<Record<"k1_as_loss" | "k2_as_loss" | "k3_as_loss" | "grad_kl", number[]>>;

const one = Int32Array.of(0, 1);
const byToken = (estimator: "k1" | "k2" | "k3"): KlLossOptions => ({
  estimator,
  over: "token",
  biased: true,
  reduction: "token",
});

inEachPrecision("klLoss() at one state has the mean gradients of kl_gradient_identities", ({ dtype, near }) => {
  const { inputs: { logits, ref_probs: ref }, expected } = oracle<Inputs, Expected>("kl_gradient_identities");
  const identity = tensor([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1], dtype);
  const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
  const mean = (options: KlLossOptions): readonly number[] =>
    logits.map((z, token) => {
      const refLogps = tensor([1], [Math.log(ref[token] as number)], dtype);
      const f = (p: { z: Tensor }): Loss =>
        klLoss({ tokenLogps: chosenLogProbs(p.z, identity, Int32Array.of(token)), refLogps }, one, options);
      const { grads } = valueAndGrad(f)({ z: tensor([1, 3], logits, dtype) });
      return Array.from(grads.z.data, (g) => g * Math.exp(z) / total);
    }).reduce((sum, grad) => sum.map((x, i) => x + (grad[i] as number)));
  near(mean(byToken("k1")), expected.k1_as_loss);
  near(mean(byToken("k2")), expected.k2_as_loss);
  near(mean(byToken("k3")), expected.k3_as_loss);
  near(mean({ estimator: "k2", over: "sequence" }), expected.grad_kl);
});

const tokens = (): Readonly<Record<"tokenLogps" | "refLogps", Tensor>> => ({
  tokenLogps: tensor([3], [-1, -2, -0.5], "f64"),
  refLogps: tensor([3], [-1.5, -1, -2], "f64"),
});
const offsets = Int32Array.of(0, 2, 3);

Deno.test("klLoss() of sequences squares the sum over a completion, of tokens each of them; the metric is k1", () => {
  const mean = (options: KlLossOptions): number => {
    const { loss, metrics } = klLoss(tokens(), offsets, options);
    assertEquals(metrics["objective/kl"], { sum: 1, count: 2 });
    assertEquals(divide(metrics["loss/kl_avg"]!), (loss.sum.data[0] as number) / loss.count);
    return (loss.sum.data[0] as number) / loss.count;
  };
  assertEquals(mean({ estimator: "k2", over: "sequence" }), (0.5 ** 2 + 1.5 ** 2) / 4);
  assertEquals(mean(byToken("k2")), (0.5 ** 2 + 1 ** 2 + 1.5 ** 2) / 6);
});

Deno.test("klLoss() has the gradients of central differences, and none by the reference", () => {
  const { tokenLogps, refLogps } = tokens();
  for (const options of [byToken("k2"), byToken("k3"), { estimator: "k2", over: "sequence" } as const]) {
    const f = (p: { tokenLogps: Tensor }): Tensor => klLoss({ ...p, refLogps }, offsets, options).loss.sum;
    assertLess(checkGrads(f, { tokenLogps }, { key: key(1) }).error, 1e-8);
    const both = valueAndGrad((p: ReturnType<typeof tokens>) => klLoss(p, offsets, options))(tokens());
    assertEquals([...both.grads.refLogps.data], [0, 0, 0]);
  }
});

Deno.test("klLoss() refuses a biased combination by name, and what does not exist", () => {
  const refuses = (options: unknown, sentence: string): void => {
    assertThrows(() => klLoss(tokens(), offsets, options as KlLossOptions), RangeError, sentence);
  };
  const hint = "take k2 over sequence, or k1 in the reward; biased: true allows a term over token";
  const of = "Cannot compute klLoss as";
  refuses(
    { estimator: "k3", over: "token", reduction: "token" },
    `${of} the gradient of k3 over token is biased for sequences: ${hint}`,
  );
  refuses(
    { estimator: "k3", over: "sequence", biased: true },
    `${of} the gradient of k3 over sequence is biased for sequences: ${hint}`,
  );
  refuses(
    { estimator: "k4", over: "token" },
    `${of} the estimator must be k1, k2 or k3 over token or sequence: current values are k4 and token`,
  );
  assertThrows(
    () => klLoss({ ...tokens(), refLogps: tensor([1], [0], "f64") }, offsets, byToken("k2")),
    TypeError,
    "Cannot compute klLoss as tokenLogps and refLogps must be [T]: [3], [1]",
  );
});

Deno.test("a biased term that is not asked for is a type error", () => {
  // @ts-expect-error: biased: true is missing
  assertThrows(() => klLoss(tokens(), offsets, { estimator: "k3", over: "token", reduction: "token" }));
  // @ts-expect-error: a term over sequences has no reduction
  assert(klLoss(tokens(), offsets, { estimator: "k2", over: "sequence", reduction: "token" }));
});
