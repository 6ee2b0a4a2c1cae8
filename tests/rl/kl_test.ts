/** Estimators of KL held to numbers of 60-digit arithmetic, and to the exact value over a whole distribution. */
import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkKlPlacement, exactKl, klEstimates, type KlEstimator, type KlPlacement } from "../../lib/rl/kl.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, oracle } from "../oracles.ts";

const names: readonly KlEstimator[] = ["k1", "k2", "k3"];

inEachPrecision("klEstimates() has the numbers of kl_estimators_tokens", ({ dtype, near }) => {
  const { inputs, expected } = oracle<
    Readonly<Record<"logps" | "ref_logps", number[]>>,
    Readonly<Record<KlEstimator, number[]>>
  >("kl_estimators_tokens");
  const [logps, ref] = [inputs.logps, inputs.ref_logps].map((x) => tensor([x.length], x, dtype).data);
  for (const name of names) near(klEstimates(logps!, ref!, name), expected[name]);
});

const weights = fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 });
const logged = (x: readonly number[]): number[] => x.map((w) => Math.log(w / x.reduce((a, b) => a + b)));

Deno.test("k1 and k3 average to the exact KL, k3 is never negative, and k2 is off by the third order", () => {
  fc.assert(fc.property(weights, weights, (a, b) => {
    const [p, q] = [logged(a), logged(b)];
    const [exact] = exactKl(p, q, 5);
    const mean = (name: KlEstimator): number =>
      klEstimates(p, q, name).reduce((sum, k, v) => sum + Math.exp(p[v] as number) * k, 0);
    assertAlmostEquals(mean("k1"), exact as number, 1e-12);
    assertAlmostEquals(mean("k3"), exact as number, 1e-12);
    klEstimates(p, q, "k3").forEach((k) => assertLess(-1e-16, k));
  }));
  const { expected } = oracle<unknown, { E_k2: number; kl: number }>("kl_gradient_identities");
  const { inputs } = oracle<{ logits: number[]; ref_probs: number[] }, unknown>("kl_gradient_identities");
  const [p, q] = [logged(inputs.logits.map(Math.exp)), inputs.ref_probs.map(Math.log)];
  const k2 = klEstimates(p, q, "k2").reduce((sum, k, v) => sum + Math.exp(p[v] as number) * k, 0);
  assertAlmostEquals(k2, expected.E_k2, 1e-12);
  assertAlmostEquals(exactKl(p, q, 3)[0] as number, expected.kl, 1e-12);
  assertLess(0.02, expected.E_k2 - expected.kl);
});

Deno.test("k3 keeps its digits where policy and reference nearly agree", () => {
  assertAlmostEquals((klEstimates([1e-9], [0], "k3")[0] as number) * 1e18, 0.5, 1e-6);
});

Deno.test("exactKl() counts nothing for what p never takes, and has one value a row", () => {
  const log = (rows: readonly number[]): number[] => rows.map(Math.log);
  const { inputs, expected } = oracle<{ p: number[]; q: number[] }, { kl: number }>("kl_zero_support");
  assertNear(exactKl(log(inputs.p), log(inputs.q), 2), [expected.kl], { rtol: 1e-12, atol: 1e-12 });
  const naive = inputs.p.reduce((sum, p, v) => sum + p * (Math.log(p) - Math.log(inputs.q[v] as number)), 0);
  assertEquals(naive, NaN); // what the oracle refutes
  const rows = oracle<{ p: number[][]; q: number[][] }, { kl: number[] }>("kl_per_row");
  const [p, q] = [rows.inputs.p, rows.inputs.q].map((x) => log(x.flat())) as [number[], number[]];
  assertNear(exactKl(p, q, 2), rows.expected.kl, { rtol: 1e-12, atol: 1e-12 });
  assertEquals(exactKl([0, -Infinity], [-Infinity, 0], 2)[0], Infinity);
  assertThrows(
    () => exactKl([0, 0, 0], [0, 0, 0], 2),
    RangeError,
    "Cannot compute exactKl as both must have rows of 2: they have 3 and 3 entries",
  );
});

Deno.test("checkKlPlacement() lets through what is unbiased or asked for, and names what is not", () => {
  const right: readonly KlPlacement[] = [
    { place: "reward", estimator: "k1" },
    { place: "loss", estimator: "k2", over: "sequence" },
    { place: "reward", estimator: "k3", biased: true },
    { place: "loss", estimator: "k1", over: "token", biased: true },
  ];
  for (const kl of right) assertEquals(checkKlPlacement(kl), kl);
  const refuses = (kl: unknown, what: string): void => {
    assertThrows(
      () => checkKlPlacement(kl as KlPlacement),
      RangeError,
      `Cannot place ${what} as its gradient is biased for sequences: ` +
        "take k1 in the reward or k2 over sequence in the loss, or say biased: true",
    );
  };
  refuses({ place: "reward", estimator: "k2" }, "k2 in the reward");
  refuses({ place: "reward", estimator: "k3", biased: false }, "k3 in the reward");
  refuses({ place: "loss", estimator: "k2", over: "token" }, "k2 in the loss over token");
  refuses({ place: "loss", estimator: "k3", over: "sequence", biased: true }, "k3 in the loss over sequence");
  assertThrows(
    () => checkKlPlacement({ place: "prompt", estimator: "k4" } as unknown as KlPlacement),
    RangeError,
    "Cannot place KL as the estimator must be k1, k2 or k3 and the place reward or loss: " +
      "current values are k4 and prompt",
  );
});
