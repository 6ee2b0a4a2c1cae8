import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { logSigmoid, mul, neg, scale, sigmoid, stopGradient, sub, sum } from "../../lib/grad/ops.ts";
import { derive } from "../../lib/grad/primitive.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { dpoLoss, type DpoOptions, type PairLogps } from "../../lib/losses/dpo.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { key } from "../../lib/tensor/random.ts";
import { item, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, oracle } from "../oracles.ts";
import { dpoOracle, type Policy } from "./dpo_oracle.ts";
import { beta, pairs, rows, same, some, value } from "./dpo_rows.ts";

Deno.test("dpoLoss() of one pair at a time gives the oracles' losses and margins", () => {
  for (const id of ["dpo_sigmoid", "dpo_sigmoid_extreme", "dpo_cdpo_ls0.1"]) {
    const { rows, options, expected } = dpoOracle(id, "f64");
    rows.forEach((row, i) => {
      same(value([row], options), expected.losses[i] as number);
      same(dpoLoss(pairs([row]), options).metrics["rewards/margins"]?.sum as number, expected.margins[i] as number);
    });
  }
});

inEachPrecision("dpoLoss() smoothed by ε is least at z = logit(1 − ε), with the entropy of ε", ({ dtype, near }) => {
  const { inputs: { label_smoothing: labelSmoothing }, expected } = oracle<
    { label_smoothing: number },
    { argmin_z: number; min_loss: number }
  >("dpo_cdpo_optimum");
  const zero = tensor([1], [0], dtype);
  const f = (p: { chosen: Tensor }): Loss =>
    dpoLoss({ ...p, rejected: zero, refChosen: zero, refRejected: zero }, { beta: 1, labelSmoothing });
  const { loss, grads } = valueAndGrad(f)({ chosen: tensor([1], [expected.argmin_z], dtype) });
  near(loss, expected.min_loss);
  near(item(grads.chosen), 0);
});

Deno.test("dpoLoss() is ln 2 for any beta and labels where policy and reference agree", () => {
  fc.assert(fc.property(some, beta, (rows, beta) => {
    const agreeing = rows.map(([w, l]) => [w, l, w, l] as number[]);
    same(value(agreeing, { beta }), Math.LN2);
    same(value(agreeing, { beta, labels: rows.map((_, i) => i / rows.length) }), Math.LN2);
  }));
});

Deno.test("dpoLoss() does not depend on the order of pairs", () => {
  fc.assert(fc.property(some, beta, (rows, beta) => same(value(rows.toReversed(), { beta }), value(rows, { beta }))));
});

Deno.test("dpoLoss() depends on beta times the log ratios alone: c·beta equals c times the logps", () => {
  fc.assert(fc.property(some, beta, fc.double({ min: 0.1, max: 5, noNaN: true }), (rows, beta, c) => {
    const scaled = rows.map((row) => row.map((x) => c * x));
    assertNear(value(rows, { beta: c * beta }), value(scaled, { beta }), { rtol: 1e-10, atol: 1e-10 });
  }));
});

Deno.test("dpoLoss() of soft labels is the mix of the two hard ones", () => {
  fc.assert(fc.property(some, beta, fc.double({ min: 0, max: 1, noNaN: true }), (rows, beta, p) => {
    const swapped = rows.map(([w, l, rw, rl]) => [l, w, rl, rw] as number[]);
    const mixed = p * value(rows, { beta }) + (1 - p) * value(swapped, { beta });
    same(value(rows, { beta, labels: rows.map(() => p) }), mixed);
  }));
});

Deno.test("dpoLoss() smoothed by ε equals constant labels 1 − ε", () => {
  fc.assert(fc.property(some, beta, fc.double({ min: 0, max: 0.49, noNaN: true }), (rows, beta, labelSmoothing) => {
    const labels = rows.map(() => 1 - labelSmoothing);
    same(value(rows, { beta, labelSmoothing }), value(rows, { beta, labels }));
  }));
});

Deno.test("dpoLoss() has the gradients of central differences", () => {
  const { chosen, rejected, ...reference } = pairs(rows);
  for (const options of [{ beta: 0.1 }, { beta: 0.7, labelSmoothing: 0.2 }, { beta: 0.3, labels: [1, 0.2, 0, 0.5] }]) {
    const f = (policy: Policy): Tensor => dpoLoss({ ...policy, ...reference }, options).loss.sum;
    for (const seed of [1, 2, 3]) assertLess(checkGrads(f, { chosen, rejected }, { key: key(seed) }).error, 1e-8);
  }
});

Deno.test("dpoLoss() does not train the reference, even where it is made of the same params", () => {
  const { grads } = valueAndGrad((p: PairLogps) => dpoLoss(p, { beta: 0.1 }))(pairs(rows));
  assertEquals([...grads.refChosen.data, ...grads.refRejected.data], Array(8).fill(0));
  // −beta·σ(0)/B of each chosen one, where differences would see a constant ln 2.
  const agreeing = (p: Policy): Loss => dpoLoss({ ...p, refChosen: p.chosen, refRejected: p.rejected }, { beta: 0.1 });
  const { grads: own } = valueAndGrad(agreeing)({ chosen: pairs(rows).chosen, rejected: pairs(rows).rejected });
  assertNear(own.chosen.data, Array(4).fill(-0.1 / 2 / 4), { rtol: 1e-12, atol: 0 });
});

Deno.test("the oracle refutes a loss without the reference, with the roles swapped, or with σ in place of log σ", () => {
  const { rows, expected } = dpoOracle("dpo_sigmoid", "f64");
  const wrong = {
    "without the reference": value(rows.map(([w, l]) => [w, l, 0, 0] as number[]), { beta: 0.1 }),
    "roles swapped": value(rows.map(([w, l, rw, rl]) => [l, w, rl, rw] as number[]), { beta: 0.1 }),
    "σ in place of log σ": expected.margins.reduce((sum, z) => sum + 1 / (1 + Math.exp(z)), 0) / rows.length,
  };
  for (const [name, loss] of Object.entries(wrong)) assertLess(0.03, Math.abs(loss - expected.loss), name);
});

Deno.test("checkGrads() refutes a dpoLoss whose gradient is weighted by σ(z) in place of σ(−z)", () => {
  const wrong = (p: PairLogps): Tensor => {
    const z = scale(sub(sub(p.chosen, p.refChosen), sub(p.rejected, p.refRejected)), 0.1);
    return neg(sum(derive(logSigmoid(stopGradient(z)), [z], (g) => [mul(g, sigmoid(z))])));
  };
  assertLess(0.01, checkGrads(wrong, pairs(rows), { key: key(1) }).error);
});

Deno.test("dpoLoss() reports TRL's metrics: a tie is no win, and is counted", () => {
  const { metrics } = dpoLoss(pairs([[-1, -2, -2, -2], [-3, -3, -3, -3], [-4, -1, -2, -2]]), { beta: 0.5 });
  assertEquals(divideMeans(metrics), {
    "rewards/chosen": -0.5 / 3,
    "rewards/rejected": 0.5 / 3,
    "rewards/margins": -1 / 3,
    "rewards/accuracies": 1 / 3,
    "rewards/ties": 1 / 3,
    "logps/chosen": -8 / 3,
    "logps/rejected": -2,
  });
});

Deno.test("dpoLoss() is finite with a finite gradient where log ratios are a thousand nats", () => {
  const f = (p: PairLogps): Loss => dpoLoss(p, { beta: 1, labelSmoothing: 0.1 });
  const { loss, grads } = valueAndGrad(f)(pairs([[0, -1e3, 0, 0], [-1e3, 0, 0, 0]]));
  assertAlmostEquals(loss, (100 + 900) / 2, 1e-12);
  assertNear([...grads.chosen.data], [0.05, -0.45], { rtol: 1e-12, atol: 0 });
});

Deno.test("dpoLoss() refuses what is out of range in one sentence", () => {
  const refuses = (options: DpoOptions, sentence: string): void => {
    assertThrows(() => dpoLoss(pairs(rows), options), RangeError, `Cannot compute dpoLoss as ${sentence}`);
  };
  refuses({ beta: 0 }, "beta must be > 0 and finite: current value is 0");
  refuses({ beta: NaN }, "beta must be > 0 and finite: current value is NaN");
  refuses({ beta: 1, labelSmoothing: 0.5 }, "labelSmoothing must be in [0, 0.5): current value is 0.5");
  refuses({ beta: 1, labels: [1] }, "there must be 4 labels: current value is 1");
  refuses({ beta: 1, labels: [1, 1, 1, 1.5] }, "labels must be in [0, 1]: current value is 1.5");
  refuses(
    { beta: 1, labels: [1, 1, 1, 1], labelSmoothing: 0.1 },
    "labels and labelSmoothing exclude each other: current value is 0.1",
  );
  assertThrows(
    () => dpoLoss({ ...pairs(rows), refRejected: tensor([3], [0, 0, 0], "f64") }, { beta: 1 }),
    TypeError,
    "Cannot compute dpoLoss as the four log-probabilities must be [B]: [4], [4], [4], [3]",
  );
});

Deno.test("an option that dpoLoss() does not have is a type error", () => {
  // @ts-expect-error: gamma belongs to simpo
  assert(dpoLoss(pairs(rows), { beta: 0.1, gamma: 1 }));
  // @ts-expect-error: beta has no default
  assertThrows(() => dpoLoss(pairs(rows), {}));
});
