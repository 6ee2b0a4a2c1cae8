import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import denoJson from "../../deno.json" with { type: "json" };
import { noReport, reportHtml, type Section } from "../../mod.ts";
import { settings } from "../../pipelines/dpo.ts";
import { commandLine, type Common } from "../../pipelines/flags.ts";
import { runReport, VERSION } from "../../pipelines/run_report.ts";

type Values = typeof settings.values & Common;

/** The report of a run with these flags. */
function reportOf(flags: readonly string[], sections?: readonly Section[]): readonly [string, readonly Section[]] {
  const values = commandLine(settings).parse(flags);
  if (values._tag === "Left") throw new Error(values.left.join("\n"));
  const ending = {
    pipeline: "dpo",
    settings,
    values: values.right as Values,
    wallSeconds: 12.34,
    ...sections && { sections },
  };
  const report = runReport(noReport, ending);
  return [report.lead, report.sections];
}

/** What the report says to type. */
const again = (flags: readonly string[]): string =>
  reportOf(flags)[1].flatMap((section) => section.type === "code" ? [section.code] : []).join("\n");

Deno.test("the report says the command that repeats the run: what is not a default, and no more", () => {
  assertEquals(again([]), "deno run pipelines/dpo.ts");
  assertEquals(
    again(["--beta", "0.3", "--batch-size", "32", "--seed", "7", "--labels", "flipped"]),
    "deno run pipelines/dpo.ts --beta 0.3 --batch-size 32 --labels flipped --seed 7",
  );
});

Deno.test("the command reads files where the run did, in words that a shell takes", () => {
  assertEquals(
    again(["--data", "it's mine; $(rm).jsonl"]),
    `deno run -R pipelines/dpo.ts --data 'it'\\''s mine; $(rm).jsonl'`,
  );
  assertMatch(again(["--model", "SmolLM2"]), /^deno run -R pipelines\/dpo.ts .*--model SmolLM2/);
});

Deno.test("where a run is kept, how it shows itself and how many threads it had is not repeated", () => {
  assertEquals(again(["--out", "runs/a", "--quiet", "--threads", "3"]), "deno run pipelines/dpo.ts");
});

Deno.test("the report says whether the run came to its end, and on what", () => {
  assertEquals(reportOf(["--data", "a.jsonl"], [])[0], "On a.jsonl, seed 0. It took 12.3 seconds.");
  assertEquals(reportOf([])[0], "On the shipped data, seed 0. It stopped after 12.3 seconds.");
});

Deno.test("the settings that were changed stand beside their defaults", () => {
  const [, sections] = reportOf(["--beta", "0.3"]);
  const rows = sections.flatMap((section) => section.type === "table" ? section.rows : []);
  assertEquals(rows.find(([name]) => name === "beta")?.slice(0, 3), ["beta", "0.3", "0.2"]);
  assertEquals(rows.find(([name]) => name === "epochs")?.slice(0, 3), ["epochs", "1", "the same"]);
  assertStringIncludes(reportHtml({ ...noReport, sections }), "strength of the pull to the reference policy");
});

Deno.test("the version in the report is that of the package", () => {
  assertEquals(VERSION, denoJson.version);
});
