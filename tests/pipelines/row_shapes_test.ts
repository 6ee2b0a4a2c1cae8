/** The command lines on rows of published data sets' shapes: what they say of them, and what they do with scores. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Event, finish, loadPairs, type LoadReport, readPairs, run, type TokenPair } from "../../mod.ts";
import { doctor, settings as doctorSettings } from "../../pipelines/doctor.ts";
import { doctorSummary } from "../../pipelines/doctor_summary.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { margins } from "../../pipelines/margins.ts";
import { summary } from "../../pipelines/summary.ts";
import { printed } from "./command_line.ts";

const lines = (count: number): string =>
  Array.from({ length: count }, (_, i) =>
    JSON.stringify({
      ...{ context: [{ role: "user", content: `Is ${i} even?` }], domain: "code", overall_preference: i % 4 - 2 },
      ...{ response1: i % 4 < 2 ? "No idea." : "Of course.", response2: "It may be." },
    })).join("\n");

const SENTENCE =
  "Rows look like HelpSteer3: chosen is response1 where overall_preference is below 0; its distance from 0 " +
  "is the margin, and 0 is a tie";

Deno.test("loadPairs() says which data set's shape the rows have, before anything is learned from them", async () => {
  const events: Event[] = [];
  const ended = await finish(run(loadPairs(() => readPairs(lines(40))), { seed: 0, given: {} }), (event) => {
    events.push(event);
  });
  assertEquals(events.filter(({ type }) => type === "remark"), [
    { type: "remark", path: ["loadPairs"], message: SENTENCE },
  ]);
  assert(ended._tag === "Right");
  assertEquals([ended.right.report.kept, ended.right.report.dropped[0]?.ids.length], [30, 10]);
});

Deno.test("a reward model takes a margin of the user's own, and a data set's scores only if asked to", async () => {
  const row: TokenPair = {
    ...{ id: "0", prompt: Int32Array.of(1), chosen: Int32Array.of(2), rejected: Int32Array.of(3), margin: 2 },
  };
  const marginOf = async (shape: boolean, choice: "auto" | "use" | "ignore"): Promise<number | undefined> => {
    const { report } = (readPairs(lines(40)) as { right: { report: LoadReport } }).right;
    const { shape: said, ...source } = report.source!;
    const given = { rows: [row], report: { ...report, source: { ...source, ...shape && said && { shape: said } } } };
    const ended = await finish(run(margins({ margins: choice }), { seed: 0, given: given as never }));
    assert(ended._tag === "Right");
    return ended.right.rows[0]?.margin;
  };
  assertEquals([await marginOf(false, "auto"), await marginOf(true, "auto")], [2, undefined]);
  assertEquals([await marginOf(true, "use"), await marginOf(false, "ignore")], [2, undefined]);
});

Deno.test({
  name: "dpo and doctor on such a file say aloud how they read it, and a flag reads it otherwise",
  ignore: (await Deno.permissions.query({ name: "write" })).state !== "granted",
  fn: async () => {
    const data = await Deno.makeTempFile({ suffix: ".jsonl" });
    await Deno.writeTextFile(data, lines(80));
    const program = { pipelineOf: dpo, settings, summary };
    const flags = ["--data", data, "--sft-epochs", "0.1", "--epochs", "0.1", "--context", "64"];
    const { code, out, err } = await printed(program, ...flags, "--json");
    assertEquals(code, 0, err);
    assertStringIncludes(err, SENTENCE);
    const document = JSON.parse(out);
    assertEquals([document.data.shape, document.data.pairs, document.data.dropped], ["helpsteer3", 60, 20]);
    const healthy = { pipelineOf: doctor, settings: doctorSettings, summary: doctorSummary };
    assertStringIncludes((await printed(healthy, "--data", data)).out, `${SENTENCE}.`);
    assertEquals(JSON.parse((await printed(healthy, "--data", data, "--json")).out).shape, "helpsteer3");
    const refused = await printed(program, ...flags, "--rows", "pairs");
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.err, 'field "chosen" is missing');
    await Deno.remove(data);
  },
});

Deno.test("margins that auto leaves alone are counted aloud, those that the user ignores are not", async () => {
  const row: TokenPair = {
    ...{ id: "0", prompt: Int32Array.of(1), chosen: Int32Array.of(2), rejected: Int32Array.of(3), margin: 2 },
  };
  const { report } = (readPairs(lines(40)) as { right: { report: LoadReport } }).right;
  const said = async (choice: "auto" | "use" | "ignore", rows = [row, row]): Promise<readonly string[]> => {
    const events: Event[] = [];
    const given = { rows, report } as never;
    await finish(run(margins({ margins: choice }), { seed: 0, given }), (event) => void events.push(event));
    return events.flatMap((event) => event.type === "remark" ? [event.message] : []);
  };
  const sentence =
    "Scores of a data set are no unit of reward, unless --margins use says so: the margin of 2 rows is " +
    "not used.";
  assertEquals(await said("auto"), [sentence]);
  assertEquals([await said("use"), await said("ignore")], [[], []]);
  const { margin: _, ...bare } = row;
  assertEquals(await said("auto", [bare as TokenPair]), []);
});
