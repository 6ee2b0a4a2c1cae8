import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import reference from "../../fixtures/ranking/reference.json" with { type: "json" };
import { abilityCovariance } from "../../lib/ranking/contrasts.ts";
import { orderEffectError, referenceErrors, standardErrors, strengthCovariance } from "../../lib/ranking/covariance.ts";
import { goodnessOfFit, termTests } from "../../lib/ranking/likelihood_ratio.ts";
import { fitPlackettLuce, plackettLuceCovariance, type PlackettLuceFit } from "../../lib/ranking/plackett_luce.ts";
import { quasiVariances } from "../../lib/ranking/quasi_variances.ts";
import { lsr, rankCentrality } from "../../lib/ranking/spectral.ts";
import { farthest, farthestRelative, fit, published, TIES } from "./reference.ts";

const counted = {
  citations: reference.citations,
  baseball: reference.baseball,
  pudding: reference.pudding,
  springall: reference.springall,
};

interface Answer {
  readonly model: string;
  readonly order_effect: boolean;
  readonly log_ability_sum_zero: number[];
  readonly se_sum_zero: number[];
  readonly se_ref: number[];
  readonly log_likelihood: number;
  readonly order_effect_logit?: number;
  readonly order_effect_se?: number;
  readonly log_nu?: number;
  readonly log_nu_se?: number;
  readonly log_theta?: number;
  readonly log_theta_se?: number;
  readonly se_sandwich_sum_zero?: number[];
  readonly deviance_rows?: number;
  readonly deviance_rows_df?: number;
  readonly pearson_chi2_rows?: number;
  readonly quasi_variance?: number[];
}

for (const [name, set] of Object.entries(counted)) {
  for (const [kind, answer] of Object.entries(set.fits as unknown as Record<string, Answer>)) {
    Deno.test(`fitStrengths meets ${name} (${kind}): estimates 1e-12, errors and tests 1e-10`, () => {
      const found = fit(published(set), { ties: TIES[answer.model]!, order: answer.order_effect });
      const covariance = strengthCovariance(found), errors = standardErrors(covariance);
      assert(farthest(found.logAbility, answer.log_ability_sum_zero) < 1e-12);
      assertAlmostEquals(found.logLikelihood, answer.log_likelihood, 1e-10);
      assert(farthestRelative(errors, answer.se_sum_zero) < 1e-10);
      assert(farthestRelative(referenceErrors(covariance, 0, set.items.length), answer.se_ref) < 1e-10);
      if (answer.order_effect_logit !== undefined) {
        assertAlmostEquals(found.orderEffect!, answer.order_effect_logit, 1e-12);
        assertAlmostEquals(orderEffectError(covariance)!, answer.order_effect_se!, 1e-12);
      }
      const tie = answer.log_nu ?? answer.log_theta;
      if (tie !== undefined) {
        assertAlmostEquals(found.tieParameter!, tie, 1e-12);
        assertAlmostEquals(errors.at(-1)!, (answer.log_nu_se ?? answer.log_theta_se)!, 1e-12);
      }
      if (answer.se_sandwich_sum_zero) {
        const robust = standardErrors(strengthCovariance(found, "robust"));
        assert(farthestRelative(robust, answer.se_sandwich_sum_zero) < 1e-10);
      }
      if (answer.deviance_rows !== undefined) {
        const { deviance, pearson } = goodnessOfFit(found);
        assertAlmostEquals(deviance.statistic, answer.deviance_rows, 1e-10);
        assertEquals(deviance.df, answer.deviance_rows_df);
        assertAlmostEquals(pearson.statistic, answer.pearson_chi2_rows!, 1e-10);
      }
      if (answer.quasi_variance) {
        const quasi = quasiVariances(abilityCovariance(found, covariance));
        assert(farthestRelative(quasi, answer.quasi_variance) < 1e-10);
      }
    });
  }
}

Deno.test("the home advantage in baseball has Agresti's likelihood ratio 5.4106 on 1 degree of freedom", () => {
  const { orderEffect } = termTests(fit(published(reference.baseball), { order: true }));
  assertAlmostEquals(orderEffect!.statistic, 5.4106, 5e-5);
  assertAlmostEquals(orderEffect!.statistic, reference.baseball.likelihood_ratio_order_effect.statistic, 1e-10);
  assertAlmostEquals(orderEffect!.pValue, reference.baseball.likelihood_ratio_order_effect.p_value, 1e-12);
  assertEquals(orderEffect!.df, 1);
});

Deno.test("chocolate pudding has Davidson's tie parameter 0.7468", () => {
  assertAlmostEquals(Math.exp(fit(published(reference.pudding), { ties: "davidson" }).tieParameter!), 0.7468, 5e-5);
});

function rankings(set: { items: string[]; rankings: number[][]; counts?: number[] }): PlackettLuceFit {
  const groups = set.rankings.map((ranking) => ranking.map((item) => [item]));
  const found = fitPlackettLuce({ items: set.items, rankings: groups, ...(set.counts && { counts: set.counts }) });
  if (found._tag === "Left") throw new Error(found.left.message);
  return found.right;
}

Deno.test("NASCAR 2002 has Hunter's strengths: P.J. Jones 0.1864, Scott Pruett 0.1096, Mark Martin 0.0235", () => {
  const { logAbility, items } = rankings(reference.nascar);
  const worth = logAbility.map(Math.exp), total = worth.reduce((a, b) => a + b, 0);
  const share = (name: string): number => worth[items.indexOf(name)]! / total;
  assertAlmostEquals(share("PJ Jones"), 0.1864, 5e-5);
  assertAlmostEquals(share("Scott Pruett"), 0.1096, 5e-5);
  assertAlmostEquals(share("Mark Martin"), 0.0235, 5e-5);
});

for (const set of [reference.nascar, reference.salad]) {
  Deno.test(`fitPlackettLuce meets ${set.items.length} items' log-worths to 1e-12 and errors to 1e-10`, () => {
    const found = rankings(set);
    const { matrix, size } = plackettLuceCovariance(found);
    assert(farthest(found.logAbility, set.log_worth_sum_zero) < 1e-12);
    assertAlmostEquals(found.logLikelihood, set.log_likelihood, 1e-9);
    const errors = set.items.map((_, i) => Math.sqrt(matrix[i * size + i]!));
    assert(farthestRelative(errors, set.se_sum_zero) < 1e-10);
  });
}

Deno.test("springall's flavour and gel surface: coefficients, errors and deviance", () => {
  const { item_covariate_fit: answer, item_covariates } = reference.springall;
  const values = item_covariates.values.flatMap(([f, g]) => [f!, g!, f! * f!, g! * g!, f! * g!]);
  const names = Object.keys(answer.coefficient);
  const found = fit(published(reference.springall), { itemCovariates: { names, values: Float64Array.from(values) } });
  assert(farthest(Object.values(found.coefficients), Object.values(answer.coefficient)) < 1e-13);
  assert(farthestRelative(standardErrors(strengthCovariance(found)), Object.values(answer.se)) < 1e-10);
  assertAlmostEquals(goodnessOfFit(found).deviance.statistic, answer.deviance_rows, 1e-10);
  assertEquals(goodnessOfFit(found).deviance.df, answer.df);
});

Deno.test("Firth's penalty on baseball meets the bias-reduced strengths to 1e-10", () => {
  const answer = reference.baseball.firth;
  const found = fit(published(reference.baseball), { firth: true });
  const { logAbility } = found;
  assert(farthest(logAbility.map((l) => l - logAbility[0]!), answer.log_ability_ref) < 1e-10);
  assert(farthestRelative(referenceErrors(strengthCovariance(found), 0, 7), answer.se_ref) < 1e-9);
});

for (const set of [reference.citations, reference.baseball]) {
  Deno.test(`a ridge on ${set.items.length} items meets strengths and posterior deviations`, () => {
    for (const answer of set.ridge) {
      const found = fit(published(set), { ridge: answer.kappa });
      assert(farthest(found.logAbility, answer.log_ability) < 1e-12);
      assert(farthestRelative(standardErrors(strengthCovariance(found)), answer.posterior_sd_laplace) < 1e-10);
    }
  });
}

for (const set of [reference.citations, reference.baseball, reference.springall]) {
  Deno.test(`lsr and rankCentrality on ${set.items.length} items meet choix, with and without alpha`, () => {
    const all = published(set), decided = { ...all, ties: new Float64Array(all.ties.length) };
    assert(farthest(lsr(decided), set.spectral.lsr) < 1e-12);
    assert(farthest(lsr(decided, { alpha: 0.01 }), set.spectral["lsr_alpha_0.01"]) < 1e-12);
    assert(farthest(rankCentrality(decided), set.spectral.rank_centrality) < 1e-12);
    assert(farthest(rankCentrality(decided, { alpha: 0.01 }), set.spectral["rank_centrality_alpha_0.01"]) < 1e-12);
  });
}

Deno.test("lsr iterated from its own answer ends at the maximum likelihood", () => {
  const data = published(reference.citations);
  let strengths = lsr(data);
  for (let k = 0; k < 40; k++) strengths = lsr(data, { start: strengths });
  assert(farthest(strengths, fit(data).logAbility) < 1e-12);
});
