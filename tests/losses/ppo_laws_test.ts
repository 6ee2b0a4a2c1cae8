/** What holds of ppoLoss for any numbers. */
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { type PpoClip, ppoLoss, type PpoOptions, type PpoTokens } from "../../lib/losses/ppo.ts";
import { divideMeans } from "../../lib/tensor/mean.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear } from "../oracles.ts";

type Row = readonly [tokenLogp: number, oldLogp: number, advantage: number];

const column = (rows: readonly Row[], i: 0 | 1 | 2): Tensor => tensor([rows.length], rows.map((row) => row[i]), "f64");
const tokensOf = (rows: readonly Row[]): PpoTokens => ({
  tokenLogps: column(rows, 0),
  oldLogps: column(rows, 1),
  advantages: column(rows, 2),
});

/** Mean loss and gradient by the log-probabilities; one completion. */
function evaluated(
  rows: readonly Row[],
  options: PpoOptions,
): { readonly loss: number; readonly grad: readonly number[] } {
  const { oldLogps, advantages, tokenLogps } = tokensOf(rows);
  const offsets = Int32Array.of(0, rows.length);
  const f = (p: { x: Tensor }): Loss => ppoLoss({ tokenLogps: p.x, oldLogps, advantages }, offsets, options);
  const { loss, grads } = valueAndGrad(f)({ x: tokenLogps });
  return { loss, grad: [...grads.x.data] };
}

const number = (min: number, max: number): fc.Arbitrary<number> => fc.double({ min, max, noNaN: true });
const some = fc.array(fc.tuple(number(-4, 0), number(-4, 0), number(-3, 3)), { minLength: 1, maxLength: 8 });
const clips: readonly PpoClip[] = [
  { type: "clip", clipRange: 0.2 },
  { type: "asymmetric", clipLow: 0.2, clipHigh: 0.28 },
  { type: "dual", clipLow: 0.2, clipHigh: 0.28, dualClip: 3 },
];

Deno.test("ppoLoss() has the gradient −ρA/count, and 0 exactly where A and ρ say that it ends", () => {
  fc.assert(fc.property(some, (rows) => {
    for (const clip of clips) {
      const [low, high] = clip.type === "clip" ? [0.8, 1.2] : [0.8, 1.28];
      const { grad } = evaluated(rows, { ...clip, reduction: "token" });
      rows.forEach(([x, old, a], i) => {
        const ratio = Math.exp(x - old);
        const ends = (a > 0 && ratio > high) || (a < 0 && ratio < low) || (clip.type === "dual" && a < 0 && ratio > 3);
        const expected = ends ? 0 : -ratio * a / rows.length;
        assertNear(grad[i] as number, expected, { rtol: 1e-12, atol: 1e-15 });
        if (ends) assertEquals(Math.abs(grad[i] as number), 0);
      });
    }
  }));
});

Deno.test("at the very bounds the gradient of ppoLoss() still flows", () => {
  const rows: Row[] = [[Math.LN2, 0, 1], [-Math.LN2, 0, -1], [Math.LN2, 0, -1]]; // ρ is 2, ½, 2 to the last bit
  const wide = { type: "dual", clipLow: 0.5, clipHigh: 1, dualClip: 2, reduction: "sequenceSum" } as const;
  assertEquals(evaluated(rows, wide).grad, [-2, 0.5, 2]);
  const narrow = { type: "dual", clipLow: 0.49, clipHigh: 0.99, dualClip: 1.99, reduction: "sequenceSum" } as const;
  assertEquals(evaluated(rows, narrow).grad.map(Math.abs), [0, 0, 0]);
});

Deno.test("ppoLoss() at ρ ≡ 1 is the policy gradient: −A/count by each token under every clip", () => {
  fc.assert(fc.property(some, (rows) => {
    const onPolicy = rows.map(([x, , a]) => [x, x, a] as const);
    for (const clip of clips) {
      const { loss, grad } = evaluated(onPolicy, { ...clip, reduction: "token" });
      assertNear(grad, rows.map(([, , a]) => -a / rows.length), { rtol: 1e-14, atol: 0 });
      assertNear(loss, -rows.reduce((sum, [, , a]) => sum + a, 0) / rows.length, { rtol: 1e-12, atol: 1e-12 });
    }
  }));
});

Deno.test("ppoLoss() does not depend on the order of tokens, and is linear in the size of the advantages", () => {
  fc.assert(fc.property(some, number(0.1, 5), (rows, c) => {
    for (const clip of clips) {
      const options = { ...clip, reduction: "token" } as const;
      const near = (a: number, b: number): void => assertNear(a, b, { rtol: 1e-11, atol: 1e-11 });
      const { loss } = evaluated(rows, options);
      near(evaluated(rows.toReversed(), options).loss, loss);
      near(evaluated(rows.map(([x, old, a]) => [x, old, c * a]), options).loss, c * loss);
    }
  }));
});

Deno.test("ppoLoss() has the gradients of central differences, by sequence too, and none by what is constant", () => {
  const rows: Row[] = [[-1, -1.1, 2], [-2, -1.6, -1], [-0.3, -1.5, 1], [-0.2, -2, -0.5], [-3, -3.05, -2]];
  const offsets = Int32Array.of(0, 2, 5);
  const { tokenLogps, ...fixed } = tokensOf(rows);
  for (const clip of clips) {
    const options = { ...clip, reduction: "sequence" } as const;
    const f = (p: { tokenLogps: Tensor }): Tensor => ppoLoss({ ...p, ...fixed }, offsets, options).loss.sum;
    assertLess(checkGrads(f, { tokenLogps }, { key: key(1) }).error, 1e-8);
    const { grads } = valueAndGrad((p: PpoTokens) => ppoLoss(p, offsets, options))({ tokenLogps, ...fixed });
    assertEquals([...grads.oldLogps.data, ...grads.advantages.data], Array(10).fill(0));
  }
});

Deno.test("logRatioClamp ends ratio and gradient; without it log ratios of a thousand nats still make no NaN", () => {
  const clip = { type: "clip", clipRange: 0.2, reduction: "token" } as const;
  const far: Row[] = [[1000, 0, 1], [-1000, 0, 1], [-1000, 0, -1]];
  const { loss, grad } = evaluated(far, clip);
  assertNear(loss, (-1.2 + 0 + 0.8) / 3, { rtol: 1e-12, atol: 1e-12 });
  assertEquals(grad.map(Math.abs), [0, 0, 0]);
  const clamped = evaluated([[3, 0, -1], [1, 0, -1]], { ...clip, logRatioClamp: 2 });
  assertNear(clamped.loss, (Math.exp(2) + Math.E) / 2, { rtol: 1e-12, atol: 0 });
  assertNear(clamped.grad, [0, Math.E / 2], { rtol: 1e-12, atol: 0 });
});

Deno.test("ppoLoss() counts tokens stopped by the dual clip apart", () => {
  const { metrics } = ppoLoss(tokensOf([[2, 0, -1], [2, 0, 1], [0, 0, 1], [0, 0, -1]]), Int32Array.of(0, 4), {
    ...clips[2] as PpoClip,
    reduction: "token",
  });
  const figures = divideMeans(metrics);
  assertEquals([figures["policy/clipfrac_avg"], figures["policy/dualclipfrac_avg"]], [0.25, 0.25]);
});

Deno.test("ppoLoss() refuses what is out of range in one sentence", () => {
  const refuses = (options: PpoOptions, sentence: string): void => {
    assertThrows(() => evaluated([[0, 0, 1]], options), RangeError, `Cannot compute ppoLoss as ${sentence}`);
  };
  const reduction = "token";
  refuses({ type: "clip", clipRange: 0, reduction }, "clipRange must be > 0 and finite: current value is 0");
  refuses(
    { type: "asymmetric", clipLow: 0.2, clipHigh: NaN, reduction },
    "clipHigh must be > 0 and finite: current value is NaN",
  );
  refuses(
    { type: "dual", clipLow: 0.2, clipHigh: 0.2, dualClip: 1, reduction },
    "dualClip must be > 1 and finite: current value is 1",
  );
  refuses(
    { type: "clip", clipRange: 0.2, logRatioClamp: -1, reduction },
    "logRatioClamp must be > 0 and finite: current value is -1",
  );
  // @ts-expect-error: the clips are three
  refuses({ type: "none", reduction }, "type must be clip, asymmetric or dual: current value is none");
  assertThrows(
    () =>
      ppoLoss({ ...tokensOf([[0, 0, 1]]), advantages: tensor([2], [1, 1], "f64") }, Int32Array.of(0, 1), {
        type: "clip",
        clipRange: 0.2,
        reduction,
      }),
    TypeError,
    "Cannot compute ppoLoss as tokenLogps, oldLogps and advantages must be [T]: [1], [1], [2]",
  );
});

Deno.test("an option that a clip does not use is a type error, and so is a reduction left out", () => {
  const [tokens, offsets] = [tokensOf([[0, 0, 1]]), Int32Array.of(0, 1)];
  // @ts-expect-error: the plain clip has one range
  assert(ppoLoss(tokens, offsets, { type: "clip", clipRange: 0.2, clipHigh: 0.3, reduction: "token" }));
  const bounds = { clipLow: 0.2, clipHigh: 0.2 };
  // @ts-expect-error: dualClip belongs to dual
  assert(ppoLoss(tokens, offsets, { type: "asymmetric", ...bounds, dualClip: 3, reduction: "token" }));
  // @ts-expect-error: what is averaged must be said
  assertThrows(() => ppoLoss(tokens, offsets, { type: "clip", clipRange: 0.2 }), RangeError, "the reduction must be");
});
