/** bradleyTerryLoss held to numbers of 60-digit arithmetic, to its laws, and against known-wrong variants. */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import reference from "../../fixtures/oracles/reward.json" with { type: "json" };
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { bradleyTerryLoss, type BradleyTerryOptions, type PairRewards } from "../../lib/losses/bradley_terry.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Dtype, item, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision } from "../oracles.ts";

type Rows = readonly (readonly [chosen: number, rejected: number])[];

function pairs(rows: Rows, dtype: Dtype = "f64"): PairRewards {
  const column = (i: 0 | 1) => tensor([rows.length], rows.map((row) => row[i]), dtype);
  return { chosen: column(0), rejected: column(1) };
}

/** The mean loss as a number. */
function value(rows: Rows, options: BradleyTerryOptions = {}): number {
  const { loss } = bradleyTerryLoss(pairs(rows), options);
  return item(loss.sum) / loss.count;
}

/** A case of the fixture: rewards, options, and what must come out. */
const caseOf = (id: string) => {
  const found = reference.cases.find((c) => c.id === id);
  assert(found !== undefined, `there is no oracle ${id}`);
  const { inputs, expected } = found;
  const rows = inputs.reward_chosen.map((c, i) => [c, inputs.reward_rejected[i] as number] as const);
  const options: BradleyTerryOptions = {
    ...inputs.center_rewards_coefficient ? { centering: inputs.center_rewards_coefficient } : {},
    ...inputs.margin ? { margin: inputs.margin } : {},
    ...inputs.p_chosen ? { labels: inputs.p_chosen } : {},
  };
  return { rows, options, expected };
};

for (const id of ["bt_plain", "bt_margin", "bt_center", "bt_single_pair", "bt_soft_label"]) {
  inEachPrecision(`bradleyTerryLoss() has the loss, gradients and metrics of ${id}`, ({ dtype, near }) => {
    const { rows, options, expected } = caseOf(id);
    const { loss, grads, metrics } = valueAndGrad((p: PairRewards) => bradleyTerryLoss(p, options))(pairs(rows, dtype));
    near(loss, expected.loss);
    near(grads.chosen.data, expected.grad_chosen);
    near(grads.rejected.data, expected.grad_rejected);
    const { accuracy, ties } = divideMeans(metrics);
    if (expected.accuracy_strict !== undefined) near(accuracy as number, expected.accuracy_strict);
    if (expected.ties !== undefined) near(rows.length * (ties as number), expected.ties);
  });
}

Deno.test("the oracles refute a loss without its margin, with the margin added or outside, and a centering of the difference", () => {
  const { rows, options: { margin = [] }, expected } = caseOf("bt_margin");
  const negated = Array.from(margin, (m) => -m);
  const outside = value(rows) + Array.from(margin).reduce((a, b) => a + b) / rows.length;
  for (const wrong of [value(rows), value(rows, { margin: negated }), outside]) {
    assertLess(0.1, Math.abs(wrong - expected.loss));
  }
  const centred = caseOf("bt_center");
  const ofDifference = value(rows) + 0.01 * rows.reduce((sum, [c, r]) => sum + (c - r) ** 2, 0) / rows.length;
  assertLess(0.01, Math.abs(ofDifference - centred.expected.loss));
});

const reward = fc.double({ min: -50, max: 50, noNaN: true });
const some = fc.array(fc.tuple(reward, reward), { minLength: 1, maxLength: 8 });
const same = (a: number, b: number): void => assertNear(a, b, { rtol: 1e-11, atol: 1e-11 });

Deno.test("bradleyTerryLoss() is ln 2 where rewards agree, and does not see a constant added to a prompt's rewards", () => {
  same(value([[3, 3], [-700, -700]]), Math.LN2);
  fc.assert(fc.property(some, reward, (rows, c) => {
    same(value(rows.map(([a, b]) => [a + c, b + c] as const)), value(rows));
  }));
});

Deno.test("bradleyTerryLoss() with a centering does see it, and is least where a pair's rewards sum to 0", () => {
  const centred = (c: number): number => value([[1 + c, -1 + c]], { centering: 0.5 });
  assertLess(centred(0), Math.min(centred(0.1), centred(-0.1)));
  same(centred(2) - centred(0), 0.5 * 16);
});

Deno.test("bradleyTerryLoss() of a soft label is the mix of the two hard ones, margins on either side", () => {
  fc.assert(fc.property(some, fc.double({ min: 0, max: 1, noNaN: true }), (rows, p) => {
    const margin = rows.map((_, i) => i / 2);
    const swapped = rows.map(([c, r]) => [r, c] as const);
    const mixed = p * value(rows, { margin }) + (1 - p) * value(swapped, { margin });
    same(value(rows, { margin, labels: rows.map(() => p) }), mixed);
  }));
});

Deno.test("bradleyTerryLoss() smoothed by ε equals constant labels 1 − ε", () => {
  fc.assert(fc.property(some, fc.double({ min: 0, max: 0.49, noNaN: true }), (rows, labelSmoothing) => {
    same(value(rows, { labelSmoothing }), value(rows, { labels: rows.map(() => 1 - labelSmoothing) }));
  }));
});

Deno.test("bradleyTerryLoss() counts a pair of weight n as n pairs, and one of weight 0 not at all", () => {
  fc.assert(fc.property(some, some, (rows, others) => {
    const weights = [...rows.map(() => 3), ...others.map(() => 0)];
    same(value([...rows, ...others], { weights }), value(rows));
    const unequal = rows.map((_, i) => 1 + (i % 2));
    same(value(rows, { weights: unequal }), value(rows.flatMap((row, i) => i % 2 ? [row, row] : [row])));
  }));
});

Deno.test("bradleyTerryLoss() has the gradients of central differences under all of its options together", () => {
  const rows: Rows = [[1, 0.5], [-2, 1], [0.25, 0.25]];
  const options = { margin: [0.5, 0, 2], centering: 0.1, labels: [1, 0.2, 0.7], weights: [2, 0.5, 1] };
  const f = (p: PairRewards) => bradleyTerryLoss(p, options).loss.sum;
  for (const seed of [1, 2, 3]) assertLess(checkGrads(f, pairs(rows), { key: key(seed) }).error, 1e-9);
});

Deno.test("bradleyTerryLoss() is finite with a finite gradient where rewards are a thousand nats apart", () => {
  const { loss, grads } = valueAndGrad((p: PairRewards) => bradleyTerryLoss(p))(pairs([[1e3, -1e3], [-1e3, 1e3]]));
  same(loss, 1000);
  assertEquals([...grads.chosen.data], [-0, -0.5]);
});

Deno.test("bradleyTerryLoss() reports the figures of TRL's reward trainer: a tie is no win, and is counted", () => {
  assertEquals(divideMeans(bradleyTerryLoss(pairs([[2, 1], [0, 0], [-4, 3]])).metrics), {
    accuracy: 1 / 3,
    ties: 1 / 3,
    margin: -2,
    mean_reward: 1 / 3,
    min_reward: -4,
    max_reward: 3,
  });
});

Deno.test("bradleyTerryLoss() weighs its figures as its loss, which nobody can average where all weights are 0", () => {
  const { metrics } = bradleyTerryLoss(pairs([[2, 1], [0, 0], [-4, 3]]), { weights: [3, 1, 0] });
  const { accuracy, ties, margin, mean_reward } = divideMeans(metrics);
  assertEquals([accuracy, ties, margin, mean_reward], [3 / 4, 1 / 4, 3 / 4, 9 / 8]);
  assertThrows(
    () => valueAndGrad((p: PairRewards) => bradleyTerryLoss(p, { weights: [0] }))(pairs([[1, 0]])),
    RangeError,
    "Cannot average a loss as its count must be > 0: current value is 0",
  );
});

Deno.test("bradleyTerryLoss() refuses what is out of range in one sentence", () => {
  const refuses = (options: BradleyTerryOptions, sentence: string): void => {
    assertThrows(
      () => value([[1, 0], [0, 1]], options),
      RangeError,
      `Cannot compute bradleyTerryLoss as ${sentence}`,
    );
  };
  refuses({ centering: -1 }, "centering must be ≥ 0 and finite: current value is -1");
  refuses({ labelSmoothing: 0.5 }, "labelSmoothing must be in [0, 0.5): current value is 0.5");
  refuses(
    { labels: [1, 1], labelSmoothing: 0.1 },
    "labels and labelSmoothing exclude each other: current value is 0.1",
  );
  refuses({ labels: [1] }, "there must be 2 labels: current value is 1");
  refuses({ labels: [1, 1.5] }, "labels must be in [0, 1]: current value is 1.5");
  refuses({ margin: [1, NaN] }, "margins must be finite: current value is NaN");
  refuses({ weights: [1, -1] }, "weights must be ≥ 0 and finite: current value is -1");
  assertThrows(
    () => bradleyTerryLoss({ chosen: tensor([2], [0, 0]), rejected: tensor([1], [0]) }),
    TypeError,
    "Cannot compute bradleyTerryLoss as both rewards must be [B]: [2], [1]",
  );
});

Deno.test("an option that bradleyTerryLoss() does not have is a type error", () => {
  // @ts-expect-error: beta belongs to dpo
  assert(bradleyTerryLoss(pairs([[1, 0]]), { beta: 0.1 }));
});
