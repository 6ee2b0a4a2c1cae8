import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import reference from "../../fixtures/ranking/reference.json" with { type: "json" };
import { type Comparisons, comparisons } from "../../lib/ranking/comparisons.ts";
import { designOf } from "../../lib/ranking/design.ts";
import { existence } from "../../lib/ranking/existence.ts";
import { workspace } from "../../lib/ranking/likelihood.ts";
import { maximise, roughStart } from "../../lib/ranking/newton.ts";
import type { TieModel } from "../../lib/ranking/outcome_model.ts";
import { key } from "../../lib/tensor/random.ts";
import { drawnStrengths, farthest, fit, published, refusal, simulated } from "./reference.ts";

const named = (count: number): string[] => Array.from({ length: count }, (_, i) => `item${i}`);

for (const toy of reference.connectivity) {
  Deno.test(`existence() classifies "${toy.name}" exactly, and a ridge mends it`, () => {
    const data = published({ ...toy, items: named(toy.n_items) });
    const found = existence(data);
    assertEquals(found.exists, toy.mle_exists);
    assertEquals(found.strong.count, toy.strong);
    assertEquals(found.weak.count, toy.weak);
    if (toy.tie_model_mle_exists !== undefined) {
      assertEquals(existence(data, { ties: "davidson" }).exists, toy.tie_model_mle_exists);
      assertEquals(existence(data, { ties: "rao-kupper" }).exists, toy.tie_model_mle_exists);
    }
    const ridge = fit(data, { ridge: toy.ridge.kappa });
    assert(farthest(ridge.logAbility, toy.ridge.log_ability) < 1e-10);
  });
}

function games(rows: readonly (readonly number[])[], items = 3): Comparisons {
  const column = (k: number): number[] => rows.map((row) => row[k]!);
  return comparisons({
    items: named(items),
    first: column(0),
    second: column(1),
    winsFirst: column(2),
    winsSecond: column(3),
    ties: column(4),
    order: column(5),
  });
}

Deno.test("an order effect is infinite when the side at home always wins, whoever it is", () => {
  const data = games([[0, 1, 2, 0, 0, 1], [0, 1, 0, 3, 0, -1]], 2);
  assertEquals(existence(data).exists, true);
  assertEquals(existence(data, { order: true }).reason, "order effect");
  assertStringIncludes(refusal(data, { order: true }), "order effect is infinite");
});

Deno.test("one win against the home advantage, balanced around a circle, makes the order effect finite", () => {
  const data = games([[0, 1, 2, 1, 0, 1], [0, 1, 1, 3, 0, -1]], 2);
  assertEquals(existence(data, { order: true }).exists, true);
  assert(Math.abs(fit(data, { order: true }).orderEffect!) < 3);
});

Deno.test("an order effect that no comparison carries is refused", () => {
  assertEquals(existence(games([[0, 1, 2, 1, 0, 0]], 2), { order: true }).exists, false);
});

Deno.test("with ties and an order effect the tie parameter can run off though every pair has an upset or a tie", () => {
  // ties in every pair and a home win each way: home advantage and ν explain all by growing together
  const data = games([[0, 1, 1, 0, 1, 1], [0, 1, 0, 1, 1, -1]], 2);
  assertEquals(existence(data, { ties: "davidson" }).exists, true);
  assertEquals(existence(data, { ties: "davidson", order: true }).exists, false);
});

Deno.test("where a maximum exists the climb ends there, where none does it runs away: 400 random data sets", () => {
  const row = fc.tuple(
    fc.constantFrom([0, 1], [0, 2], [1, 2]),
    fc.nat(2),
    fc.nat(2),
    fc.nat(1),
    fc.constantFrom(-1, 0, 1),
  );
  const models = fc.record({
    ties: fc.constantFrom<TieModel>("half", "davidson", "rao-kupper", "davidson-beaver"),
    order: fc.boolean(),
  });
  const seen = { finite: 0, infinite: 0 };
  fc.assert(
    fc.property(fc.array(row, { minLength: 3, maxLength: 8 }), models, (rows, model) => {
      const data = games(rows.map(([[i, j], w, l, t, z]) => [i!, j!, w, l, t, z]));
      const { exists, weak } = existence(data, model);
      if (weak.count > 1) return;
      const tied = data.ties.some((t) => t > 0);
      const design = designOf(data, tied ? model : { ...model, ties: "half" });
      const { theta, converged, scorePerGame } = maximise(design, data, roughStart(design, data), {
        space: workspace(design),
      });
      const size = theta.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      if (exists) assert(converged && scorePerGame < 1e-10 && size < 12, `${converged} ${scorePerGame} ${size}`);
      else assert(!converged || size > 12, `${converged} ${size}`);
      seen[exists ? "finite" : "infinite"]++;
    }),
    { numRuns: 400, seed: 1 },
  );
  assert(seen.finite > 50 && seen.infinite > 50, JSON.stringify(seen));
});

Deno.test("sentences name the items, at most five and each cut at forty letters", () => {
  const items = ["x".repeat(10_000), ...named(8)];
  const rows = named(8).map((_, k) => [0, k + 1, 1, 0, 0]);
  const sentence = refusal(published({ items, columns: ["i", "j", "wins_i", "wins_j", "ties"], comparisons: rows }));
  assert(sentence.length < 400, sentence);
  assertStringIncludes(sentence, "…");
  assertStringIncludes(sentence, "ridge or Firth");
});

Deno.test("two islands are named as islands", () => {
  const toy = reference.connectivity.find(({ name }) => name === "two_islands")!;
  assertStringIncludes(
    refusal(published({ ...toy, items: named(4) })),
    "the items form 2 islands never compared with each other: item2, item3 are not connected with item0, item1",
  );
});

Deno.test("per component, each group is fitted by itself and centred by itself", () => {
  const toy = reference.connectivity.find(({ name }) => name === "two_islands")!;
  const found = fit(published({ ...toy, items: named(4) }), {}, { perComponent: true });
  assert(
    farthest(found.logAbility, [Math.log(3) / 2, -Math.log(3) / 2, Math.log(0.4) / 2, -Math.log(0.4) / 2]) < 1e-12,
  );
});

Deno.test("covariates that copy each other, copy an item, or tell the winner are refused by sentence, few items or many", () => {
  for (const items of [6, 150]) {
    const data = simulated(key(1), { strengths: drawnStrengths(key(2), items), perPair: items > 100 ? 2 : 20 });
    const per = (name: string, values: (r: number) => readonly number[]): string => {
      const columns = Array.from(data.first, (_, r) => values(r));
      const names = columns[0]!.map((_, k) => `${name}${k}`);
      const covariates = { names, values: Float64Array.from(columns.flat()) };
      return refusal({ ...data, covariates }, { contestCovariates: true });
    };
    const zero = (i: number): number => i === 0 ? 1 : 0;
    assertStringIncludes(per("copy", (r) => [Math.sin(r), 2 * Math.sin(r)]), "may be collinear");
    assertStringIncludes(per("item", (r) => [zero(data.first[r]!) - zero(data.second[r]!)]), "may be collinear");
    assertStringIncludes(per("winner", (r) => [data.winsFirst[r]! > 0 ? 1 : -1]), "separated by winner0");
  }
});
