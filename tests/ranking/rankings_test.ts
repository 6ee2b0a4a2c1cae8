import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { bradleyTerryLoss, type PairRewards } from "../../lib/losses/bradley_terry.ts";
import { fold, key, uniform } from "../../lib/tensor/random.ts";
import { floats, item, tensor } from "../../lib/tensor/tensor.ts";
import { comparisons, mergeComparisons } from "../../lib/ranking/comparisons.ts";
import { abilityCovariance } from "../../lib/ranking/contrasts.ts";
import { strengthCovariance } from "../../lib/ranking/covariance.ts";
import { elo, eloScale, winRates } from "../../lib/ranking/elo.ts";
import { nextComparisons } from "../../lib/ranking/next_comparisons.ts";
import { fitPlackettLuce, type PlackettLuceFit, type Rankings } from "../../lib/ranking/plackett_luce.ts";
import { outcomeChances, preferenceLabels } from "../../lib/ranking/probabilities.ts";
import { fitRandomEffects } from "../../lib/ranking/random_effects.ts";
import { lsr } from "../../lib/ranking/spectral.ts";
import { farthest, fit, simulated } from "./reference.ts";

function ranked(data: Rankings): PlackettLuceFit {
  const found = fitPlackettLuce(data);
  if (found._tag === "Left") throw new Error(found.left.message);
  return found.right;
}

Deno.test("rankings of two are Bradley–Terry", () => {
  const data = simulated(key(1), { strengths: [1, 0, -0.4], perPair: 25 });
  const rankings = [...data.first].map((i, r) =>
    data.winsFirst[r] ? [[i], [data.second[r]!]] : [[data.second[r]!], [i]]
  );
  const found = ranked({ items: data.items, rankings }), plain = fit(data);
  assert(farthest(found.logAbility, plain.logAbility) < 1e-12);
  assertAlmostEquals(found.logLikelihood, plain.logLikelihood, 1e-10);
});

Deno.test("a ranking counted three times is the ranking given three times", () => {
  const rankings = [[[0], [1], [2]], [[1], [2], [0]], [[2], [0], [1]], [[0], [2], [1]]];
  const thrice = [...rankings, rankings[3]!, rankings[3]!];
  const counted = ranked({ items: ["a", "b", "c"], rankings, counts: [1, 1, 1, 3] });
  assert(farthest(counted.logAbility, ranked({ items: ["a", "b", "c"], rankings: thrice }).logAbility) < 1e-12);
});

Deno.test("top-1 of three with equal chances: log-worths are the logs of the counts", () => {
  const rankings = [[[0], [1, 2]], [[1], [0, 2]], [[2], [0, 1]]];
  const { logAbility, logLikelihood } = ranked({ items: ["a", "b", "c"], rankings, counts: [5, 3, 2] });
  const logs = [Math.log(5), Math.log(3), Math.log(2)], mean = Math.log(30) / 3;
  assert(farthest(logAbility, logs.map((l) => l - mean)) < 1e-12);
  assertAlmostEquals(logLikelihood, 5 * Math.log(0.5) + 3 * Math.log(0.3) + 2 * Math.log(0.2), 1e-12);
});

Deno.test("a tie at the top is two choices from the same set (Breslow)", () => {
  const rankings = [[[0, 1], [2]], [[2], [0], [1]], [[1], [2], [0]]];
  const { logAbility, logLikelihood } = ranked({ items: ["a", "b", "c"], rankings });
  const [a, b, c] = [...logAbility].map(Math.exp) as [number, number, number], all = a + b + c;
  const chance = (a / all) * (b / all) * (c / all) * (a / (a + b)) * (b / all) * (c / (a + c));
  assertAlmostEquals(logLikelihood, Math.log(chance), 1e-12);
});

Deno.test("an item always last is named, not given minus infinity", () => {
  const found = fitPlackettLuce({ items: ["a", "b", "c"], rankings: [[[0], [1], [2]], [[1], [0], [2]]] });
  assert(found._tag === "Left");
  assertStringIncludes(found.left.message, "as c never placed both above and below the others");
});

Deno.test("strengths are recovered from simulated rankings of ten items to a tenth", () => {
  const truth = Array.from({ length: 10 }, (_, i) => (4.5 - i) / 4);
  const rankings = Array.from({ length: 1500 }, (_, r) => {
    const u = uniform(fold(key(3), r), 10); // exponential races order themselves as Plackett–Luce says
    const times = truth.map((l, i) => -Math.log(1 - u[i]!) / Math.exp(l));
    return [...times.keys()].sort((a, b) => times[a]! - times[b]!).map((i) => [i]);
  });
  assert(farthest(ranked({ items: truth.map(String), rankings }).logAbility, truth) < 0.12);
});

Deno.test("elo() conserves the sum and moves both by k times the surprise", () => {
  const games = comparisons({
    items: ["a", "b"],
    first: [0, 0],
    second: [1, 1],
    winsFirst: [1, 0],
    winsSecond: [0, 0],
    ties: [0, 1],
  });
  const after = 1 / (1 + 10 ** (-4 / 400)); // a's expectation in the second game: 1002 against 998
  assertAlmostEquals(elo(games, { k: 4 })[0]!, 1002 + 4 * (0.5 - after), 1e-9);
  assertAlmostEquals(elo(games)[0]! + elo(games)[1]!, 2000, 1e-9);
  assertEquals([...winRates(games)], [0.75, 0.25]);
  const summed = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [2], winsSecond: [0] });
  assertThrows(() => elo(summed), RangeError, "every row must hold one game: current value is 2 in row 0");
});

Deno.test("tenfold odds are 400 points, and the anchor has its rating", () => {
  const ratings = eloScale(Float64Array.of(Math.LN10, 0), { anchor: 1, at: 1200 });
  assert(farthest(ratings, [1600, 1200]) < 1e-9);
});

Deno.test("chances and soft labels: Davidson's sum to one, a label counts a tie half, sides swap", () => {
  const found = fit(simulated(key(4), { strengths: [1, 0, -1], perPair: 60, nu: 0.7, order: 0.4 }), {
    ties: "davidson",
    order: true,
  });
  const home = outcomeChances(found, [0, 1], { order: 1 }), away = outcomeChances(found, [0, 1], { order: -1 });
  assertAlmostEquals(home.win + home.loss + home.tie, 1, 1e-14);
  assertAlmostEquals(Math.log(home.win / home.loss) - Math.log(away.win / away.loss), 2 * found.orderEffect!, 1e-12);
  const [label, back] = preferenceLabels(found, [[0, 1], [1, 0]]);
  const { win, tie } = outcomeChances(found, [0, 1]);
  assertAlmostEquals(label!, win + tie / 2, 1e-15);
  assertAlmostEquals(label! + back!, 1, 1e-14);
});

Deno.test("Davidson and Beaver's advantage multiplies the home win and leaves win of the guest and tie alone", () => {
  const data = simulated(key(4), { strengths: [1, 0, -1], perPair: 60, nu: 0.7, order: 0.4 });
  const found = fit(data, { ties: "davidson-beaver", order: true }), lead = found.logAbility[0]! - found.logAbility[1]!;
  const { win, loss, tie } = outcomeChances(found, [0, 1], { order: 1 });
  assertAlmostEquals(Math.log(win / tie), lead / 2 + found.orderEffect! - found.tieParameter!, 1e-12);
  assertAlmostEquals(Math.log(tie / loss), lead / 2 + found.tieParameter!, 1e-12);
  const guest = outcomeChances(found, [1, 0], { order: -1 });
  assertAlmostEquals(guest.loss, win, 1e-14);
});

Deno.test("fitting the labels of a fit gives the fit back", () => {
  const found = fit(simulated(key(5), { strengths: [1, 0, -0.5, -0.5], perPair: 30 }));
  const pairs = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]] as const;
  const labels = preferenceLabels(found, pairs);
  const again = fit(comparisons({
    items: found.data.items,
    first: pairs.map(([i]) => i),
    second: pairs.map(([, j]) => j),
    winsFirst: labels,
    winsSecond: labels.map((l) => 1 - l),
  }));
  assert(farthest(again.logAbility, found.logAbility) < 1e-11);
});

Deno.test("the reward model's loss at the fitted strengths is −ℓ, and no strength moves it", () => {
  const data = mergeComparisons(simulated(key(5), { strengths: [1, 0, -0.5, -0.5], perPair: 30 }));
  const found = fit(data), rows = [...data.first.keys()];
  const options = {
    labels: rows.map((r) => data.winsFirst[r]! / (data.winsFirst[r]! + data.winsSecond[r]!)),
    weights: rows.map((r) => data.winsFirst[r]! + data.winsSecond[r]!),
  };
  const rewards = (side: Int32Array) => tensor([rows.length], [...side].map((i) => found.logAbility[i]!), "f64");
  const scores = { chosen: rewards(data.first), rejected: rewards(data.second) };
  const { loss } = bradleyTerryLoss(scores, options);
  assertAlmostEquals(item(loss.sum), -found.logLikelihood, 1e-10);
  const { grads } = valueAndGrad((p: PairRewards) => bradleyTerryLoss(p, options))(scores);
  const pull = new Float64Array(data.items.length);
  rows.forEach((r) => {
    pull[data.first[r]!]! += floats(grads.chosen)[r]!;
    pull[data.second[r]!]! += floats(grads.rejected)[r]!;
  });
  assert(farthest(pull, new Float64Array(pull.length)) < 1e-12);
});

Deno.test("the first pair to compare next is undecided and little known, never one already sure", () => {
  const data = simulated(key(6), { strengths: [2, 0.1, 0, -2], perPair: 60 });
  const known = { ...data, winsFirst: data.winsFirst.slice(), winsSecond: data.winsSecond.slice() };
  const found = fit(known), covariance = abilityCovariance(found, strengthCovariance(found));
  const [best] = nextComparisons(found, covariance, 3);
  assertEquals([...best!.items].sort(), [1, 2]);
  assertEquals(best!.gain, 1);
});

Deno.test("comparing as told orders ten close items with fewer mistakes than comparing at random", () => {
  const truth = Array.from({ length: 10 }, (_, i) => (i < 5 ? 2.4 : -2.4) + 0.16 * (4.5 - i));
  const start = simulated(key(7), { strengths: truth, perPair: 8 });
  const play = (pairs: readonly (readonly [number, number])[], stream: number): number => {
    const u = uniform(fold(key(8), stream), pairs.length);
    const wins = pairs.map(([i, j], g) => u[g]! < 1 / (1 + Math.exp(truth[j]! - truth[i]!)) ? 1 : 0);
    const all = comparisons({
      items: start.items,
      first: [...start.first, ...pairs.map(([i]) => i)],
      second: [...start.second, ...pairs.map(([, j]) => j)],
      winsFirst: [...start.winsFirst, ...wins],
      winsSecond: [...start.winsSecond, ...wins.map((w) => 1 - w)],
    });
    const { logAbility } = fit(all, { ridge: 0.01 });
    return truth.flatMap((_, i) => truth.slice(0, i).filter((_, j) => logAbility[i]! > logAbility[j]!)).length;
  };
  const found = fit(start, { ridge: 0.01 });
  const told = nextComparisons(found, abilityCovariance(found, strengthCovariance(found)), 60).map(({ items }) =>
    items
  );
  let asTold = 0, atRandom = 0;
  for (let s = 0; s < 40; s++) {
    const u = uniform(fold(key(9), s), 120);
    const random = told.map((_, g) => {
      const i = Math.floor(10 * u[2 * g]!), j = (i + 1 + Math.floor(9 * u[2 * g + 1]!)) % 10;
      return [i, j] as const;
    });
    asTold += play([...told, ...told, ...told, ...told], s);
    atRandom += play([...random, ...random, ...random, ...random], s);
  }
  assert(asTold < 0.95 * atRandom, `${asTold} mistakes against ${atRandom}`);
});

Deno.test("random effects vanish when covariates explain all, and appear when they do not", () => {
  const x = [2, 1.5, 1, 0.5, 0, -0.5, -1, -1.5, -2], covariates = { names: ["x"], values: Float64Array.from(x) };
  const explained = fitRandomEffects(
    simulated(key(10), { strengths: x.map((v) => 0.6 * v), perPair: 200 }),
    covariates,
  );
  assertAlmostEquals(explained.coefficients.x!, 0.6, 0.06);
  assert(explained.sd < 0.12, `${explained.sd}`);
  const jitter = [0.9, -0.8, 0.7, -0.9, 0.8, -0.7, 0.9, -0.8, -0.1];
  const noisy = fitRandomEffects(
    simulated(key(11), { strengths: x.map((v, i) => 0.6 * v + jitter[i]!), perPair: 200 }),
    covariates,
  );
  assertAlmostEquals(noisy.sd, 0.85, 0.25);
  assert(noisy.standardErrors.x! > 4 * explained.standardErrors.x!);
});

Deno.test("a random walk that cannot reach everyone is refused without alpha", () => {
  const swept = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [3], winsSecond: [0] });
  assertThrows(() => lsr(swept), RangeError, "set alpha > 0");
  assert(lsr(swept, { alpha: 0.1 })[0]! > 0);
});
