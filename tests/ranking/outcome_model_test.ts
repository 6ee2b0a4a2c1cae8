import { assert, assertAlmostEquals } from "@std/assert";
import fc from "fast-check";
import {
  type Counts,
  davidson,
  halfTie,
  type OutcomeModel,
  raoKupper,
  type RowDerivatives,
  rowDerivatives,
} from "../../lib/ranking/outcome_model.ts";

const outcomes = { halfTie, davidson, raoKupper };
const counts = fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9));
const moderate = fc.double({ min: -6, max: 6, noNaN: true });
const positive = fc.double({ min: 0.1, max: 3, noNaN: true });

type OneRow = { readonly [K in keyof RowDerivatives]: number } & { readonly row: Counts };

function derivatives(model: OutcomeModel, [w, l, t]: readonly number[], eta: number, tie: number): OneRow {
  const out = rowDerivatives(1);
  const row = { winsFirst: Float64Array.of(w!), winsSecond: Float64Array.of(l!), ties: Float64Array.of(t!) };
  model.derivatives(row, Float64Array.of(eta), Float64Array.of(tie), out);
  const { scoreEta, scoreTie, infoEta, infoEtaTie, infoTie } = out;
  return {
    row,
    scoreEta: scoreEta[0]!,
    scoreTie: scoreTie[0]!,
    infoEta: infoEta[0]!,
    infoEtaTie: infoEtaTie[0]!,
    infoTie: infoTie[0]!,
  };
}

for (const [name, model] of Object.entries(outcomes)) {
  Deno.test(`${name}: score and information are the log-likelihood's derivatives`, () => {
    fc.assert(fc.property(counts, moderate, positive, (seen, eta, tie) => {
      const at = derivatives(model, seen, eta, tie), h = 1e-5;
      const value = (e: number, t: number): number =>
        model.logLikelihood(at.row, Float64Array.of(e), Float64Array.of(t));
      const near = (got: number, want: number): void => assertAlmostEquals(got, want, 1e-5 * (1 + Math.abs(want)));
      near(at.scoreEta, (value(eta + h, tie) - value(eta - h, tie)) / (2 * h));
      const step = (e: number, t: number): OneRow => derivatives(model, seen, e, t);
      near(at.infoEta, -(step(eta + h, tie).scoreEta - step(eta - h, tie).scoreEta) / (2 * h));
      if (!model.tieParameter) return;
      near(at.scoreTie, (value(eta, tie + h) - value(eta, tie - h)) / (2 * h));
      near(at.infoEtaTie, -(step(eta, tie + h).scoreEta - step(eta, tie - h).scoreEta) / (2 * h));
      near(at.infoTie, -(step(eta, tie + h).scoreTie - step(eta, tie - h).scoreTie) / (2 * h));
    }));
  });

  Deno.test(`${name}: chances sum to one, swap with the sides, and the loop sums their logs`, () => {
    fc.assert(fc.property(counts, moderate, positive, (seen, eta, tie) => {
      const [win, loss, tied] = model.logProbabilities(eta, tie);
      const third = model.tieParameter ? Math.exp(tied) : 0;
      assertAlmostEquals(Math.exp(win) + Math.exp(loss) + third, 1, 1e-13);
      const [lossBack, winBack] = model.logProbabilities(-eta, tie);
      assertAlmostEquals(win, winBack, 1e-12);
      assertAlmostEquals(loss, lossBack, 1e-12);
      const { row } = derivatives(model, seen, eta, tie);
      const sum = seen[0] * win + seen[1] * loss + seen[2] * tied;
      assertAlmostEquals(model.logLikelihood(row, Float64Array.of(eta), Float64Array.of(tie)), sum, 1e-11);
    }));
  });

  Deno.test(`${name}: finite at a difference of a thousand`, () => {
    for (const eta of [-1000, 1000]) {
      const at = derivatives(model, [1, 1, 1], eta, 0.5);
      assert([at.scoreEta, at.infoEta].every(Number.isFinite));
      assertAlmostEquals(
        at.row.winsFirst[0]! * model.logProbabilities(eta, 0.5)[0],
        Math.min(0, eta + (name === "raoKupper" ? -0.5 : 0)),
        1e-9,
      );
    }
  });
}

Deno.test("Rao–Kupper's tie chance at equal strengths is (θ − 1) / (θ + 1)", () => {
  const [, , tie] = raoKupper.logProbabilities(0, Math.log(3));
  assertAlmostEquals(Math.exp(tie), 0.5, 1e-14);
});

Deno.test("Davidson's tie chance at equal strengths is ν / (2 + ν)", () => {
  const [, , tie] = davidson.logProbabilities(0, Math.log(2));
  assertAlmostEquals(Math.exp(tie), 0.5, 1e-14);
});
