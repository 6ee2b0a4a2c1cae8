/** Margins and weights of pairs in dpoLoss, held to numbers of hand and to laws. */
import { assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { logSigmoid, mul, neg, scale, sigmoid, stopGradient, sub, sum } from "../../lib/grad/ops.ts";
import { take } from "../../lib/grad/layers.ts";
import { derive } from "../../lib/grad/primitive.ts";
import { accumulateGrads, type Gradient, type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { dpoLoss, type DpoOptions, type PairLogps } from "../../lib/losses/dpo.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { key } from "../../lib/tensor/random.ts";
import { item, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { treeMap } from "../../lib/tensor/tree.ts";
import { assertNear } from "../oracles.ts";
import type { Policy } from "./dpo_oracle.ts";
import { beta, pairs, type Rows, rows, same, some, value } from "./dpo_rows.ts";

const figures = (rows: Rows, options: DpoOptions): unknown => {
  const { loss, metrics } = dpoLoss(pairs(rows), options);
  return { sum: item(loss.sum), count: loss.count, metrics };
};

/** z = 1, −1, 0 at beta ½. */
const three: Rows = [[-4, -6, -5, -5], [-6, -4, -5, -5], [-3, -3, -3, -3]];

Deno.test("dpoLoss() with a margin is −log σ(z − m): 0.693, 1.313 and 2.127 where z falls short by 0, 1 and 2 nats", () => {
  const [win, , tie] = three as [number[], number[], number[]];
  same(value([win], { beta: 0.5, margin: [1] }), 0.6931471805599453);
  same(value([tie], { beta: 0.5, margin: [1] }), 1.3132616875182228);
  same(value([win], { beta: 0.5, margin: [3] }), 2.1269280110429727);
  same(value([win], { beta: 0.5, margin: [-1] }), 0.1269280110429725);
});

Deno.test("dpoLoss() by weights is the weighted mean, and its metrics are: a pair of weight 3 counts thrice", () => {
  const { loss, metrics } = dpoLoss(pairs(three), { beta: 0.5, weights: [3, 1, 0] });
  assertEquals(loss.count, 4);
  same(item(loss.sum), 3 * 0.31326168751822286 + 1.3132616875182228);
  assertEquals(divideMeans(metrics), {
    "rewards/chosen": (3 * 0.5 - 0.5) / 4,
    "rewards/rejected": (-3 * 0.5 + 0.5) / 4,
    "rewards/margins": (3 - 1) / 4,
    "rewards/accuracies": 3 / 4,
    "rewards/ties": 0,
    "logps/chosen": -(3 * 4 + 6) / 4,
    "logps/rejected": -(3 * 6 + 4) / 4,
  });
});

Deno.test("dpoLoss() with margins of 0 and weights of 1 is the loss without, bit for bit", () => {
  fc.assert(fc.property(some, beta, (rows, beta) => {
    const all = { margin: rows.map(() => 0), weights: rows.map(() => 1) };
    assertEquals(figures(rows, { beta, ...all }), figures(rows, { beta }));
    const grads = (options: DpoOptions): unknown => {
      const { chosen, rejected } = valueAndGrad((p: PairLogps) => dpoLoss(p, options))(pairs(rows)).grads;
      return [chosen, rejected].map(({ data }) => [...data]);
    };
    assertEquals(grads({ beta, ...all }), grads({ beta }));
  }));
});

Deno.test("dpoLoss() counts a pair of weight n as n pairs, and one of weight 0 not at all", () => {
  fc.assert(fc.property(some, some, beta, (rows, others, beta) => {
    const weights = [...rows.map(() => 3), ...others.map(() => 0)];
    same(value([...rows, ...others], { beta, weights }), value(rows, { beta }));
    const unequal = rows.map((_, i) => 1 + (i % 2));
    same(
      value(rows, { beta, weights: unequal }),
      value(rows.flatMap((row, i) => i % 2 ? [row, row] : [row]), { beta }),
    );
  }));
});

Deno.test("dpoLoss() in parts equals the whole batch whatever the weights, a part of none included", () => {
  const weights = [2, 0.5, 0, 3];
  const part = (policy: Policy, indices: readonly number[]): Loss => {
    const { refChosen, refRejected } = pairs(rows);
    const all: PairLogps = { ...policy, refChosen, refRejected };
    return dpoLoss(treeMap((t) => take(t, Int32Array.from(indices)), all), {
      beta: 0.3,
      weights: indices.map((i) => weights[i] as number),
      margin: indices.map((i) => i / 2),
    });
  };
  const { chosen, rejected } = pairs(rows);
  const figuresOf = ({ loss, grads, metrics }: Gradient<Policy>): readonly number[] => [
    loss,
    ...grads.chosen.data,
    ...grads.rejected.data,
    ...Object.values(divideMeans(metrics)),
  ];
  const whole = accumulateGrads(part)({ chosen, rejected }, [[0, 1, 2, 3]]);
  const parts = accumulateGrads(part)({ chosen, rejected }, [[0], [1], [2], [3]]);
  assertNear(figuresOf(parts), figuresOf(whole), { rtol: 1e-12, atol: 1e-14 });
  assertThrows(
    () => accumulateGrads(part)({ chosen, rejected }, [[2], [2]]),
    RangeError,
    "Cannot average a loss as its count must be > 0: current value is 0",
  );
});

Deno.test("dpoLoss() of a soft label is the mix of the two hard ones, margins on either side", () => {
  fc.assert(fc.property(some, beta, fc.double({ min: 0, max: 1, noNaN: true }), (rows, beta, p) => {
    const margin = rows.map((_, i) => i / 2);
    const swapped = rows.map(([w, l, rw, rl]) => [l, w, rl, rw] as number[]);
    const mixed = p * value(rows, { beta, margin }) + (1 - p) * value(swapped, { beta, margin });
    same(value(rows, { beta, margin, labels: rows.map(() => p) }), mixed);
  }));
});

Deno.test("dpoLoss() has the gradients of central differences under all of its options together", () => {
  const { chosen, rejected, ...reference } = pairs(rows);
  const options = { beta: 0.3, margin: [0.5, 0, 2, -1], labels: [1, 0.2, 0.7, 0.5], weights: [2, 0.5, 1, 0] };
  const f = (policy: Policy): Tensor => dpoLoss({ ...policy, ...reference }, options).loss.sum;
  for (const seed of [1, 2, 3]) assertLess(checkGrads(f, { chosen, rejected }, { key: key(seed) }).error, 1e-8);
});

Deno.test("checkGrads() refutes a margin that is left out of the gradient's weight σ(m − z)", () => {
  const wrong = (p: PairLogps): Tensor => {
    const z = scale(sub(sub(p.chosen, p.refChosen), sub(p.rejected, p.refRejected)), 0.1);
    const m = tensor([4], [2, 2, 2, 2], "f64");
    return neg(sum(derive(logSigmoid(sub(stopGradient(z), m)), [z], (g) => [mul(g, sigmoid(neg(z)))])));
  };
  assertLess(0.01, checkGrads(wrong, pairs(rows), { key: key(1) }).error);
});

Deno.test("a margin inside beta, and weights that are not divided by, are other losses than these", () => {
  const [margin, weights] = [[1, 2, 3, 4], [3, 1, 1, 1]];
  const scaled = value(rows.map(([w, l, rw, rl], i) => [w! - margin[i]!, l, rw, rl] as number[]), { beta: 0.1 });
  assertLess(0.05, Math.abs(value(rows, { beta: 0.1, margin }) - scaled));
  const { loss } = dpoLoss(pairs(rows), { beta: 0.1, weights });
  assertNotEquals(loss.count, rows.length);
});

Deno.test("dpoLoss() refuses margins and weights out of range in one sentence", () => {
  const refuses = (options: Partial<DpoOptions>, sentence: string): void => {
    assertThrows(() => value(rows, { beta: 1, ...options }), RangeError, `Cannot compute dpoLoss as ${sentence}`);
  };
  refuses({ margin: [1, 1, 1, NaN] }, "margins must be finite: current value is NaN");
  refuses({ margin: [1] }, "there must be 4 margins: current value is 1");
  refuses({ weights: [1, 1, 1, -1] }, "weights must be ≥ 0 and finite: current value is -1");
  refuses({ weights: [1, 1] }, "there must be 4 weights: current value is 2");
});
