/** All of `../shared/reference/bt`, where that folder and the permission to read are there. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type Comparisons, comparisons, selectComparisons } from "../../lib/ranking/comparisons.ts";
import { orderEffectError, referenceErrors, standardErrors, strengthCovariance } from "../../lib/ranking/covariance.ts";
import { elo } from "../../lib/ranking/elo.ts";
import { goodnessOfFit } from "../../lib/ranking/likelihood_ratio.ts";
import { fitRandomEffects } from "../../lib/ranking/random_effects.ts";
import { lsr, rankCentrality } from "../../lib/ranking/spectral.ts";
import { type Counted, farthest, farthestRelative, fit, published, refusal, TIES } from "./reference.ts";

const FOLDER = new URL("../../../shared/reference/bt/", import.meta.url);
const readable = (await Deno.permissions.query({ name: "read", path: FOLDER })).state === "granted" &&
  await Deno.stat(FOLDER).then(() => true, () => false);

// deno-lint-ignore no-explicit-any
type Json = any;
const load = async (name: string): Promise<Json> =>
  JSON.parse(await Deno.readTextFile(new URL(`${name}.json`, FOLDER)));

function shared(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `shared reference: ${name}`, ignore: !readable, fn });
}

/** Estimates, errors, log-likelihood and whatever else the answer holds. */
function meets(data: Comparisons, answer: Json): void {
  const found = fit(data, { ties: TIES[answer.model]!, order: answer.order_effect });
  const covariance = strengthCovariance(found), errors = standardErrors(covariance);
  assert(farthest(found.logAbility, answer.log_ability_sum_zero) < 1e-9);
  assertAlmostEquals(found.logLikelihood / answer.log_likelihood, 1, 1e-11);
  assertEquals(found.parameters, answer.n_free_parameters);
  assert(farthestRelative(errors, answer.se_sum_zero) < 1e-8);
  if (answer.se_ref) assert(farthestRelative(referenceErrors(covariance, 0, data.items.length), answer.se_ref) < 1e-8);
  if (answer.order_effect) {
    assertAlmostEquals(found.orderEffect!, answer.order_effect_logit, 1e-9);
    assertAlmostEquals(orderEffectError(covariance)!, answer.order_effect_se, 1e-9);
  }
  const tie = answer.log_nu ?? answer.log_theta;
  if (tie !== undefined) {
    assertAlmostEquals(found.tieParameter!, tie, 1e-9);
    assertAlmostEquals(errors.at(-1)!, answer.log_nu_se ?? answer.log_theta_se, 1e-9);
  }
  if (answer.se_sandwich_sum_zero) {
    const robust = strengthCovariance(found, "robust");
    assert(farthestRelative(standardErrors(robust), answer.se_sandwich_sum_zero) < 1e-8);
    assert(farthestRelative(referenceErrors(robust, 0, data.items.length), answer.se_sandwich_ref) < 1e-8);
  }
  if (answer.deviance_rows !== undefined) {
    const { deviance, pearson } = goodnessOfFit(found);
    assertAlmostEquals(deviance.statistic / answer.deviance_rows, 1, 1e-10);
    assertAlmostEquals(pearson.statistic / answer.pearson_chi2_rows, 1, 1e-10);
    assertEquals(deviance.df, answer.deviance_rows_df);
  }
}

/** The rows of a part of a data set, on that part's items. */
function part(data: Counted, keep: (row: readonly (number | string)[]) => boolean, items = data.items): Comparisons {
  const place = data.items.map((item) => items.indexOf(item));
  const rows = data.comparisons.filter(keep);
  return published({
    ...data,
    items,
    comparisons: rows.map(([i, j, ...rest]) => [place[i as number]!, place[j as number]!, ...rest]),
  });
}

for (
  const name of [
    "citations",
    "baseball",
    "springall",
    "pudding",
    "german_parties_2009",
    "first_names",
    "topmodel_2007",
    "sound_quality",
    "llmfao",
  ]
) {
  shared(`${name}: every fit`, async () => {
    const data = published(await load(`${name}.data`)), results = await load(`${name}.results`);
    for (const answer of Object.values<Json>(results.fits)) meets(data, answer);
    for (const answer of [...results.ridge ?? [], ...results.ridge_order ?? []]) {
      const found = fit(data, { ridge: answer.kappa, order: answer.order_effect_logit !== undefined });
      assert(farthest(found.logAbility, answer.log_ability) < 1e-9);
      assert(farthestRelative(standardErrors(strengthCovariance(found)), answer.posterior_sd_laplace) < 1e-8);
    }
  });
}

shared("sound fields: each instrument and all", async () => {
  const data = await load("sound_fields.data"), results = await load("sound_fields.results");
  for (const [instrument, fits] of Object.entries<Json>(results.fits_by_instrument)) {
    const rows = part(data, (row) => instrument === "all_instruments" || row[5] === instrument);
    for (const answer of Object.values<Json>(fits)) meets(rows, answer);
  }
});

shared("football: each season and all, with and without home advantage, all tie models", async () => {
  const data = await load("football.data"), results = await load("football.results");
  for (const [season, { items, ...fits }] of Object.entries<Json>(results.fits_by_season)) {
    const at = data.seasons.indexOf(season);
    const rows = part(data, (row) => at < 0 || row[6] === at, items ?? data.items);
    for (const answer of Object.values<Json>(fits)) if (answer.model) meets(rows, answer);
  }
});

for (const name of ["chameleons", "flatlizards"]) {
  shared(`${name}: no maximum; Firth and ridge`, async () => {
    const data = published(await load(`${name}.data`)), results = await load(`${name}.results`);
    assert(refusal(data).startsWith("No maximum exists"));
    const firth = fit(data, { firth: true });
    const { log_ability_sum_zero_within_component: strengths, se_sum_zero_within_component: errors } =
      results.firth_bias_reduced;
    assert(farthest(firth.logAbility, strengths) < 1e-9);
    assert(farthestRelative(standardErrors(strengthCovariance(firth)), errors) < 1e-8);
    for (const { kappa, log_ability } of results.ridge) {
      assert(farthest(fit(data, { ridge: kappa }).logAbility, log_ability) < 1e-9);
    }
  });
}

const column = (table: Json, name: string): number[] => {
  const at = table.columns.indexOf(name);
  return table.values.map((row: (number | null)[]) => row[at] ?? NaN);
};
const sideBySide = (...columns: number[][]): Float64Array =>
  Float64Array.from(columns[0]!.flatMap((_, r) => columns.map((c) => c[r]!)));

shared("chameleons: contest and item covariates", async () => {
  const file = await load("chameleons.data"),
    { coefficient, se, log_likelihood } = (await load("chameleons.results")).covariate_fit;
  const contest = file.contest_covariates;
  const before = column(contest, "winner_prev_wins_2").map((w, r) => w - column(contest, "loser_prev_wins_2")[r]!);
  const data = { ...published(file), covariates: { names: ["prev_wins_2"], values: Float64Array.from(before) } };
  const names = ["ch_res", "prop_main"];
  const values = sideBySide(column(file.item_covariates, "ch.res"), column(file.item_covariates, "prop.main"));
  const found = fit(data, { contestCovariates: true, itemCovariates: { names, values } });
  assert(
    farthest(Object.keys(coefficient).map((k) => found.coefficients[k]!), Object.values<number>(coefficient)) < 1e-9,
  );
  assert(farthestRelative(standardErrors(strengthCovariance(found)), Object.values<number>(se)) < 1e-8);
  assertAlmostEquals(found.logLikelihood, log_likelihood, 1e-9);
});

shared("flatlizards: item covariates, one lizard at infinity named; random effects to five digits", async () => {
  const file = await load("flatlizards.data"), results = await load("flatlizards.results");
  const names = file.item_covariates.columns as string[], data = published(file);
  const values = sideBySide(...names.map((name) => column(file.item_covariates, name)));
  assert(refusal(data, { itemCovariates: { names, values } }).includes("separated by lizard096"));
  const infinite = file.items.indexOf("lizard096");
  const finite = selectComparisons(data, (r) => data.first[r] !== infinite && data.second[r] !== infinite);
  values.fill(0, infinite * names.length, (infinite + 1) * names.length);
  const found = fit(finite, { itemCovariates: { names, values } });
  const answers = Object.values<number>(results.covariate_fit.coefficient).slice(1);
  assert(farthest(Object.values(found.coefficients), answers) < 1e-9);
  const random = fitRandomEffects(finite, { names, values }), pql = results.covariate_fit_random_effect_PQL;
  assert(farthestRelative(Object.values(random.coefficients), Object.values<number>(pql.coefficient).slice(1)) < 1e-6);
  assert(farthestRelative(Object.values(random.standardErrors), Object.values<number>(pql.se).slice(1)) < 1e-6);
  assertAlmostEquals(random.sd / pql.random_sd, 1, 1e-6);
});

/** One row a vote, in file order. */
async function votes(): Promise<{ readonly rows: number[][]; readonly data: Comparisons }> {
  const { items } = await load("llmfao.data"), { rows } = await load("llmfao.rows.data") as { rows: number[][] };
  const is = (outcome: number): number[] => rows.map((row) => row[2] === outcome ? 1 : 0);
  const data = comparisons({
    items,
    first: rows.map((row) => row[0]!),
    second: rows.map((row) => row[1]!),
    winsFirst: is(1),
    winsSecond: is(0),
    ties: is(0.5),
    cluster: rows.map((row) => row[3]!),
  });
  return { rows, data };
}

shared("llmfao: errors clustered by worker, and sequential Elo", async () => {
  const { data } = await votes(), { bt } = (await load("llmfao.results")).fits;
  const clustered = standardErrors(strengthCovariance(fit(data), "cluster"));
  assert(farthestRelative(clustered, bt.se_cluster_worker_sum_zero) < 1e-8);
  const golden = (await load("llmfao.evalica-golden")).scores.elo;
  assert(farthest(elo(data), data.items.map((item) => golden[item])) < 1e-9);
});

shared("llmfao: style control for length and side", async () => {
  const { rows, data } = await votes(), style = await load("llmfao.style");
  const lengths = new Map<number, number>(
    style.pair_lengths.rows.map(([pair, left, right]: number[]) => [pair!, (left! - right!) / (left! + right!)]),
  );
  const length = rows.map((row) => (lengths.get(row[5]!)! - style.feature_mean) / style.feature_sd);
  const fits = { length: [length], length_and_left: [length, length.map(() => 1)] };
  for (const [name, features] of Object.entries(fits)) {
    const names = features.map((_, k) => `feature ${k}`), answer = style.fits[name];
    const found = fit({ ...data, covariates: { names, values: sideBySide(...features) } }, { contestCovariates: true });
    assert(farthest(found.logAbility, answer.log_ability_sum_zero) < 1e-9);
    assert(farthest(Object.values(found.coefficients), answer.coefficients) < 1e-9);
    const errors = standardErrors(strengthCovariance(found)),
      robust = standardErrors(strengthCovariance(found, "robust"));
    assert(farthestRelative(errors.slice(59), answer.coefficient_se) < 1e-8);
    assert(farthestRelative(robust.slice(59), answer.coefficient_se_sandwich) < 1e-8);
    assertAlmostEquals(found.logLikelihood / answer.log_likelihood, 1, 1e-11);
  }
});

shared("spectral methods: choix on seven data sets", async () => {
  const { datasets } = await load("choix.spectral");
  for (const [name, answer] of Object.entries<Json>(datasets)) {
    const all = published(await load(`${name}.data`)), decided = { ...all, ties: new Float64Array(all.ties.length) };
    assert(farthest(lsr(decided), answer.lsr) < 1e-10);
    assert(farthest(lsr(decided, { alpha: 0.01 }), answer["lsr_alpha_0.01"]) < 1e-10);
    assert(farthest(rankCentrality(decided), answer.rank_centrality) < 1e-10);
    assert(farthest(rankCentrality(decided, { alpha: 0.01 }), answer["rank_centrality_alpha_0.01"]) < 1e-10);
    assert(farthest(fit(decided).logAbility, answer.ilsr) < 1e-9);
    if (answer["opt_alpha_0.1"]) {
      assert(farthest(fit(decided, { ridge: 0.2 }).logAbility, answer["opt_alpha_0.1"]) < 1e-8);
    }
  }
});
