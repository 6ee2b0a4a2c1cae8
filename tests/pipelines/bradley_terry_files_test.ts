import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import parquet from "../../fixtures/ranking/parquet.json" with { type: "json" };
import { canWrite, useFile } from "./bradley_terry_command.ts";

function files(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !canWrite, fn });
}

const bytes = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const gzip = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(
    await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
  );
const documentOf = ({ out }: { readonly out: string }) => JSON.parse(out);
const csv = `model_a,model_b,winner,judge\n${parquet.rows.map((row) => row.join(",")).join("\n")}\n`;

files(
  "parquet, CSV, JSON lines, gzip, CRLF and a byte order mark all give the same ranking, errors and all",
  async () => {
    const args = ["--json", "--ties", "davidson", "--cluster", "judge", "--order"];
    const want = documentOf(await useFile(csv, ...args));
    assertEquals([want.data.rows, want.data.clusters, want.data.bothBad], [30, 4, 6]);
    const lines = parquet.rows.map(([model_a, model_b, winner, judge]) => ({ model_a, model_b, winner, judge }));
    const forms = {
      snappy: bytes(parquet.snappy),
      zstd: bytes(parquet.zstd),
      gzipped: bytes(parquet.gzip),
      crlf: "\uFEFF" + csv.replaceAll("\n", "\r\n"),
      gz: await gzip(csv),
      jsonl: lines.map((line) => JSON.stringify(line)).join("\n"),
      json: JSON.stringify(lines, null, 1),
    };
    for (const [form, content] of Object.entries(forms)) {
      const found = documentOf(await useFile(content, ...args));
      assertEquals(found.items, want.items, form);
      assertEquals([found.ties, found.orderEffect, found.data.clusters], [want.ties, want.orderEffect, 4], form);
    }
  },
);

files("parquet counts are read; a cut file and one without the columns are refused in a sentence", async () => {
  const { items } = documentOf(await useFile(bytes(parquet.counts), "--json"));
  assertEquals(items.map(({ name, comparisons }: { name: string; comparisons: number }) => [name, comparisons]), [
    ["x", 8],
    ["y", 11],
    ["z", 11],
  ]);
  const cut = await useFile(bytes(parquet.snappy).slice(0, 900));
  assertEquals(cut.code, 2);
  assertStringIncludes(cut.err, "as it must be a whole parquet file: ");
  const strange = await useFile(bytes(parquet.items));
  assertEquals(strange.code, 2);
  assertStringIncludes(strange.err, "Cannot read row 1 as it must name item_a, item_b and winner");
  assertStringIncludes(strange.err, "it names item, size\n");
});

files("--elo stands beside, by time where there is one", async () => {
  const ratings = async (content: string | Uint8Array): Promise<Record<string, number>> =>
    Object.fromEntries(
      documentOf(await useFile(content, "--elo", "--json")).items.map((
        i: { name: string; elo: number },
      ) => [i.name, i.elo]),
    );
  const first = await ratings("item_a,item_b,winner\nx,y,a\ny,x,a\nx,y,tie\n");
  // 1000 + 4/2, then against odds of 10^(4/400): by hand
  const second = 1 - 1 / (1 + 10 ** (4 / 400));
  assertAlmostEquals(first.x! + first.y!, 2000, 1e-9);
  const x = 1002 - 4 * second, tie = 0.5 - 1 / (1 + 10 ** ((2000 - 2 * x) / 400));
  assertAlmostEquals(first.x!, x + 4 * tie, 1e-9);
  const backwards = await ratings(
    `model_a,model_b,winner,judge\n${parquet.rows.toReversed().map((r) => r.join(",")).join("\n")}`,
  );
  const timed = await ratings(bytes(parquet.snappy)); // its times run backwards
  for (const [name, rating] of Object.entries(backwards)) assertAlmostEquals(timed[name]!, rating, 1e-9);
  assert(Math.abs((await ratings(csv)).x! - timed.x!) > 1e-6);
});

files(
  "--item-covariates: one for all items is a logistic regression on the difference; an item without keeps its own",
  async () => {
    const path = await Deno.makeTempFile();
    await Deno.writeTextFile(path, "item,size\na,1\nb,3\nc,2\n");
    const votes = "item_a,item_b,wins_a,wins_b\na,b,1,3\nc,d,2,2\na,d,2,1\n";
    const two = documentOf(
      await useFile("item_a,item_b,wins_a,wins_b\na,b,1,3\n", "--json", "--item-covariates", path),
    );
    assertAlmostEquals(two.covariates[0].estimate, Math.log(3) / 2, 1e-12); // σ(2 b) = 3/4
    assertAlmostEquals(two.items[0].se, two.covariates[0].se, 1e-12); // ± 1 · b in sum-zero coding
    const found = await useFile(votes, "--item-covariates", path);
    assertStringIncludes(found.out, "Without covariates, and so with strengths of their own: d\n");
    assertStringIncludes(found.out, "Covariate size: ");
    for (const flag of [["--ridge", "1"], ["--firth"], ["--per-component"]]) {
      assertEquals(await useFile(votes, "--item-covariates", path, ...flag), {
        code: 2,
        out: "",
        err: `Cannot use ${flag[0]} with --item-covariates as the covariates stand for the strengths: leave one out\n`,
      });
    }
    await Deno.writeTextFile(path, "item,size\nA,1\n");
    assertStringIncludes(
      (await useFile(votes, "--item-covariates", path)).err,
      'it has "A" and others, the comparisons have "a"',
    );
    await Deno.writeFile(path, bytes(parquet.items));
    assertEquals((await useFile("item_a,item_b,wins_a,wins_b\nx,y,1,3\n", "--item-covariates", path)).code, 2); // one unknown, one item free: collinear
    await Deno.remove(path);
  },
);

const REMEDY = "; add comparisons, or use --ridge 0.1, --firth or --per-component";
const BAD: readonly (readonly [what: string, text: string, sentence: string, ...args: string[]])[] = [
  [
    "an unknown winner",
    "item_a,item_b,winner\nx,y,a\nx,y,zed\n",
    'Cannot read line 3 as winner must be a, b, tie, both_bad or one of the two names: current value is "zed"',
  ],
  [
    "an item against itself",
    "item_a,item_b,winner\nx,x,a\n",
    'Cannot read line 2 as an item cannot be compared with itself: both are "x"; leave the row out',
  ],
  [
    "one item only",
    "item_a,item_b,wins_a,wins_b\nx,x,1,2\n",
    'Cannot read line 2 as an item cannot be compared with itself: both are "x"; leave the row out',
  ],
  [
    "a header alone",
    "item_a,item_b,winner\n",
    "Cannot rank as the file holds no comparisons: it needs a header and a row for each comparison",
  ],
  [
    "counts of nothing",
    "item_a,item_b,wins_a,wins_b\nx,y,0,0\n",
    "Cannot rank as no row holds a comparison: all counts or weights are 0",
  ],
  [
    "an item never compared",
    "item_a,item_b,wins_a,wins_b\nx,y,1,2\ny,z,0,0\n",
    `No maximum exists as the items form 2 islands never compared with each other: z is not connected with x, y${REMEDY}`,
  ],
  [
    "perfect separation",
    "item_a,item_b,winner\nx,y,a\ny,z,a\nz,y,a\n",
    `No maximum exists as x never lost to any other item: its strength is infinite, and the items fall into 2 groups${REMEDY}`,
  ],
  [
    "two islands",
    "item_a,item_b,wins_a,wins_b\nx,y,1,2\nu,v,1,1\n",
    `No maximum exists as the items form 2 islands never compared with each other: u, v are not connected with x, y${REMEDY}`,
  ],
  [
    "a weight of NaN",
    "item_a,item_b,winner,weight\nx,y,a,NaN\n",
    'Cannot read line 2 as weight must be a number of at least 0: current value is "NaN"',
  ],
  [
    "no order where one is asked for",
    "item_a,item_b,winner,order\nx,y,a,\nx,y,b,\n",
    "Cannot estimate --order as no row says who was at home or shown first: fill the column order, or leave --order out",
    "--order",
  ],
  [
    "an infinite order effect under a ridge",
    "item_a,item_b,winner\nx,y,a\ny,z,a\nx,z,a\n",
    "No finite maximum exists as the outcomes are separated by the order effect: leave --order out, or add comparisons",
    "--order",
    "--ridge",
    "0.1",
  ],
  [
    "a flag that rankings have no use for",
    "ranking\nx>y\ny>x\n",
    "Cannot use --ties with rankings as Plackett–Luce here has no such part: leave it out",
    "--ties",
    "davidson",
  ],
  [
    "rankings in which two are never below the rest",
    "ranking\nx>y>z\ny>x>z\n",
    "No maximum exists as z never placed both above and below the others: add rankings, or leave these items out",
  ],
];

for (const [what, text, sentence, ...args] of BAD) {
  files(`${what} ends with 2 and one sentence`, async () => {
    assertEquals(await useFile(text, ...args), { code: 2, out: "", err: sentence + "\n" });
  });
}
