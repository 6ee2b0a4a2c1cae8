import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { canWrite, json, use } from "./bradley_terry_command.ts";

Deno.test("without flags, 59 language models are ranked with intervals, GPT 4 first and its rivals named", async () => {
  const { code, out } = await use("--quiet");
  assertEquals(code, 0);
  assertStringIncludes(out, "59 items from 8931 comparisons; Bradley–Terry, model-based errors");
  assertStringIncludes(out, "   1   1–35  GPT 4 ");
  assertStringIncludes(out, "Not told apart from the best (a 95 % confidence set): GPT 4, ");
  assertStringIncludes(out, "├──●");
});

Deno.test("--json has every field, strengths and errors in sum-zero coding", async () => {
  const found = await json("--ties", "davidson", "--order", "--next", "2");
  assertEquals(found.pipeline, "bradley_terry");
  assertEquals(found.items.length, 59);
  const sum = found.items.reduce((s: number, { logAbility }: { logAbility: number }) => s + logAbility, 0);
  assertAlmostEquals(sum, 0, 1e-12);
  assertAlmostEquals(found.orderEffect.estimate, 0.15967656041941378, 1e-12);
  assertAlmostEquals(found.orderEffect.se, 0.029954218339802656, 1e-12);
  assertAlmostEquals(found.ties.logNu, 0.39496574001123624, 1e-12);
  assertAlmostEquals(found.ties.se, 0.023125808788732233, 1e-12);
  assertAlmostEquals(found.logLikelihood, -8981.583189033563, 1e-8);
  assertAlmostEquals(found.tests.orderEffect.statistic, 2 * (8995.83970357908 - 8981.583189033563), 1e-8);
  assertEquals(found.components, { strong: 1, weak: 1 });
  assertEquals(found.next.length, 2);
  const [first] = found.items;
  assertEquals([first.name, first.rank, first.rankLow], ["GPT 4", 1, 1]);
  for (const field of ["se", "quasiSe", "rankHigh", "rating", "ratingLow", "ratingHigh", "comparisons"]) {
    assert(Number.isFinite(first[field]), field);
  }
});

Deno.test("an anchor holds its rating and has no interval; other ratings move with it", async () => {
  const plain = await json(), anchored = await json("--anchor", "Claude v1=1200");
  // deno-lint-ignore no-explicit-any
  const of = (found: any, name: string): any => found.items.find((item: any) => item.name === name);
  const claude = of(anchored, "Claude v1");
  assertAlmostEquals(claude.rating, 1200, 1e-9);
  assertAlmostEquals(claude.ratingHigh - claude.ratingLow, 0, 1e-9);
  const lead = (found: unknown): number => of(found, "GPT 4").rating - of(found, "Claude v1").rating;
  assertAlmostEquals(lead(anchored), lead(plain), 1e-9);
});

Deno.test("the same seed draws the same bootstrap, another another", async () => {
  const run = (seed: string): Promise<{ items: unknown }> => json("--bootstrap", "30", "--seed", seed, "--next", "0");
  const [one, again, other] = [await run("1"), await run("1"), await run("2")];
  assertEquals(one.items, again.items);
  assert(JSON.stringify(one.items) !== JSON.stringify(other.items));
});

Deno.test("flags that contradict each other or the data end with 2 and one sentence", async () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["--ridge", "1", "--firth"], "Cannot fit as --ridge and --firth exclude each other: leave one out\n"],
    [["--firth", "--ties", "davidson"], "Cannot fit as --firth needs ties as half a win: leave --ties out\n"],
    [["--anchor", "GPT 4"], "Cannot read --anchor as it must be NAME=number: current value is GPT 4\n"],
    [
      ["--cluster", "judge"],
      "Cannot use --cluster without --data as the counts at hand hold no such columns: name a file of rows\n",
    ],
    [
      ["--ties", "coin"],
      "Cannot read --ties as it must be one of half, davidson, rao-kupper, davidson-beaver: current value is coin\n",
    ],
  ];
  for (const [args, sentence] of cases) {
    assertEquals(await use(...args, "--quiet"), { code: 2, out: "", err: sentence });
  }
  assertStringIncludes(
    (await use("--anchor", "Foo=1", "--quiet")).err,
    'Cannot anchor as no item is called "Foo": the items are ',
  );
});

Deno.test({
  name: "files: islands and separation end with 2 and the remedies as flags; the remedies work",
  ignore: !canWrite,
  fn: async () => {
    const path = await Deno.makeTempFile({ suffix: ".csv" });
    await Deno.writeTextFile(path, "item_a,item_b,wins_a,wins_b\nx,y,3,1\nu,v,1,1\n");
    const { code, err } = await use("--data", path, "--quiet");
    assertEquals(code, 2);
    assertStringIncludes(
      err,
      "2 islands never compared with each other: u, v are not connected with x, y; add comparisons, or use --ridge 0.1, --firth or --per-component",
    );
    for (const remedy of [["--ridge", "0.1"], ["--firth"], ["--per-component"]]) {
      assertEquals((await use("--data", path, "--quiet", ...remedy)).code, 0);
    }
    await Deno.writeTextFile(path, "ranking\nx>y>z\ny>z>x\nz>x=y\n");
    assertStringIncludes((await use("--data", path, "--quiet")).out, "3 items from 3 rankings; Plackett–Luce");
    await Deno.remove(path);
  },
});

Deno.test({
  name: "--out writes the document and a page that holds every item, escaped, and no script",
  ignore: !canWrite,
  fn: async () => {
    const folder = await Deno.makeTempDir(), path = `${folder}/votes.csv`;
    await Deno.writeTextFile(path, "item_a,item_b,wins_a,wins_b,ties\n<b>&co,y,3,1,1\ny,z,2,1,0\nz,<b>&co,1,1,1\n");
    const { out } = await use("--data", path, "--out", `${folder}/run`, "--json", "--quiet");
    const page = await Deno.readTextFile(`${folder}/run/report.html`);
    assertStringIncludes(page, "&lt;b&gt;&amp;co");
    assert(!page.includes("<b>") && !page.includes("<script") && !page.includes("NaN") && !page.includes("undefined"));
    assert(!/\s(src|href)=(?!"#\w)|url\(|@import|https?:/.test(page), "asks for nothing");
    for (const part of ["Strengths", "Who beats whom", "Calibration", "Pairs explained worst", "Compare next"]) {
      assertStringIncludes(page, `<h3>${part}</h3>`);
    }
    assertStringIncludes(page, "<title>&lt;b&gt;&amp;co against y: 61.6 % expected</title>");
    assertStringIncludes(page, "<title>y against &lt;b&gt;&amp;co: 30.0 % of 5 seen</title>");
    const written = JSON.parse(await Deno.readTextFile(`${folder}/run/summary.json`));
    assertEquals(written.items, JSON.parse(out).items);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "--out without permission ends with 2 and names the flag",
  ignore: canWrite,
  fn: async () => {
    const { code, err } = await use("--out", "run", "--quiet");
    assertEquals(code, 2);
    assertStringIncludes(err, "run it again with -R=run -W=run before the script");
  },
});
