/** valueLoss held to numbers of 60-digit arithmetic and to its laws. */
import { assert, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { valueLoss, type ValueOptions } from "../../lib/losses/value.ts";
import { divide } from "../../lib/tensor/mean.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { inEachPrecision, oracle } from "../oracles.ts";
import { kept } from "../rl/ragged.ts";

type Inputs = Readonly<Record<"values" | "old_values" | "returns" | "mask", number[]>> & { readonly clip: number };
type Expected = Readonly<{ loss: number; grad_values: number[]; clipfrac: number }>;

/** The case without its padding, as one completion. */
function given(dtype: Dtype): Readonly<Record<"values" | "oldValues" | "returns", Tensor>> & { clipRange: number } {
  const { inputs } = oracle<Inputs, Expected>("value_loss_clipped");
  const column = (values: readonly number[]): Tensor => {
    const real = kept(values, inputs.mask);
    return tensor([real.length], real, dtype);
  };
  const [values, oldValues, returns] = [inputs.values, inputs.old_values, inputs.returns].map(column);
  return { values, oldValues, returns, clipRange: inputs.clip } as ReturnType<typeof given>;
}

const offsets = Int32Array.of(0, 4);

inEachPrecision("valueLoss() has the loss, gradient and clipped share of value_loss_clipped", ({ dtype, near }) => {
  const { inputs, expected } = oracle<Inputs, Expected>("value_loss_clipped");
  const { values, returns, oldValues, clipRange } = given(dtype);
  const options: ValueOptions = { type: "clip", clipRange, oldValues, reduction: "token" };
  const { loss, grads, metrics } = valueAndGrad((p: { values: Tensor }): Loss =>
    valueLoss({ ...p, returns }, offsets, options)
  )({ values });
  near(loss, expected.loss);
  near(grads.values.data, kept(expected.grad_values, inputs.mask));
  near(divide(metrics["val/clipfrac_avg"]!), expected.clipfrac);
  near(divide(metrics["loss/value_avg"]!), expected.loss);
});

inEachPrecision("valueLoss() without a clip is half the mean square, and the oracle refutes it", ({ dtype, near }) => {
  const { values, returns } = given(dtype);
  const f = (p: { values: Tensor }): Loss =>
    valueLoss({ ...p, returns }, offsets, { type: "plain", reduction: "token" });
  const { loss, grads, metrics } = valueAndGrad(f)({ values });
  near(loss, (0.2 ** 2 + 0.5 ** 2 + 1.75 ** 2 + 0.05 ** 2) / 8);
  near(grads.values.data, [-0.05, 0.125, -0.4375, 0.0125]);
  assertLess(0.02, Math.abs(loss - oracle<Inputs, Expected>("value_loss_clipped").expected.loss));
  assertEquals(Object.keys(metrics), ["loss/value_avg"]);
});

Deno.test("valueLoss() with a clip that no value reaches is the plain one, gradient and all", () => {
  const { values, returns, oldValues } = given("f64");
  const at = (options: ValueOptions): readonly unknown[] => {
    const f = (p: { values: Tensor }): Loss => valueLoss({ ...p, returns }, offsets, options);
    const { loss, grads } = valueAndGrad(f)({ values });
    return [loss, ...grads.values.data];
  };
  const plain = at({ type: "plain", reduction: "token" });
  assertEquals(at({ type: "clip", clipRange: 2, oldValues, reduction: "token" }), plain);
  assertNotEquals(at({ type: "clip", clipRange: 0.2, oldValues, reduction: "token" }), plain);
});

Deno.test("valueLoss() has the gradients of central differences by sequence too, and none by what is constant", () => {
  const { values, returns, oldValues, clipRange } = given("f64");
  const two = Int32Array.of(0, 1, 4);
  const clip = { type: "clip", clipRange, reduction: "sequence" } as const;
  const f = (p: { values: Tensor }): Tensor => valueLoss({ ...p, returns }, two, { ...clip, oldValues }).loss.sum;
  assertLess(checkGrads(f, { values }, { key: key(1) }).error, 1e-8);
  const all = { values, returns, oldValues };
  const { grads } = valueAndGrad((p: typeof all): Loss => valueLoss(p, two, { ...clip, oldValues: p.oldValues }))(all);
  assertEquals([...grads.returns.data, ...grads.oldValues.data], Array(8).fill(0));
});

Deno.test("valueLoss() refuses what is out of range in one sentence", () => {
  const { values, returns, oldValues } = given("f64");
  const refuses = (options: ValueOptions, kind: typeof RangeError | typeof TypeError, sentence: string): void => {
    assertThrows(
      () => valueLoss({ values, returns }, offsets, options),
      kind,
      `Cannot compute valueLoss as ${sentence}`,
    );
  };
  refuses(
    { type: "clip", clipRange: 0, oldValues, reduction: "token" },
    RangeError,
    "clipRange must be > 0 and finite: current value is 0",
  );
  refuses(
    { type: "clip", clipRange: 0.2, oldValues: tensor([1], [0], "f64"), reduction: "token" },
    TypeError,
    "values, returns and oldValues must be [T]: [4], [4], [1]",
  );
  // @ts-expect-error: there are two types
  refuses({ type: "huber", reduction: "token" }, RangeError, "type must be plain or clip: current value is huber");
});

Deno.test("a clip without old values, or a range without a clip, is a type error", () => {
  const { values, returns } = given("f64");
  // @ts-expect-error: the range belongs to the clip
  assert(valueLoss({ values, returns }, offsets, { type: "plain", clipRange: 0.2, reduction: "token" }));
  // @ts-expect-error: a clip is around old values
  assertThrows(() => valueLoss({ values, returns }, offsets, { type: "clip", clipRange: 0.2, reduction: "token" }));
});
