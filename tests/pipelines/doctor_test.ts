/** The doctor's command line: exit codes, the document, what a reader sees. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { worldPolicy } from "../../fixtures/world/shipped.ts";
import { encodePair, modelFiles } from "../../mod.ts";
import { doctor, settings } from "../../pipelines/doctor.ts";
import { doctorSummary } from "../../pipelines/doctor_summary.ts";
import { writeFiles } from "../model/llama2c_files.ts";
import { type Printed, printed } from "./command_line.ts";

/** What the command line prints and returns. */
const use = (...args: readonly string[]): Promise<Printed> =>
  printed({ pipelineOf: doctor, settings, summary: doctorSummary }, ...args);

Deno.test("doctor without data looks at healthy pairs, finds nothing, and ends with 0", async () => {
  assertEquals(await use("--quiet"), {
    code: 0,
    out: "1,500 rows in healthy pairs of the fixture world: nothing found\n",
    err: "",
  });
  const { code, out } = await use("--json", "--quiet", "--context", "64");
  assertEquals([code, JSON.parse(out).findings], [0, []]);
});

const mayWrite = (await Deno.permissions.query({ name: "write" })).state === "granted" &&
  (await Deno.permissions.query({ name: "read" })).state === "granted";

/** Does something with files of these contents. */
async function withFiles<T>(contents: readonly string[], body: (...paths: string[]) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    const paths = contents.map((_, i) => `${folder}/${i}.jsonl`);
    for (const [i, path] of paths.entries()) await Deno.writeTextFile(path, contents[i]!);
    return await body(...paths);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const rows = (...of: readonly (readonly [string, string, string])[]): string =>
  of.map(([prompt, chosen, rejected]) => JSON.stringify({ prompt, chosen, rejected })).join("\n");

Deno.test({
  name: "doctor ends with 1 where it finds something, and says kind, severity, count, rows, sentence and remedy",
  ignore: !mayWrite,
  fn: async () => {
    const sick = rows(["Who bakes?", "Otto.<|im_end|>", "Ida."], ["Who sails?", "Sam.", "Sam."]);
    await withFiles([sick, rows(["Who sails?", "Sam.", "Leo."])], async (data = "", against = "") => {
      const { code, out } = await use("--data", data, "--json", "--quiet");
      const { findings } = JSON.parse(out);
      assertEquals(code, 1);
      assertEquals(findings, [
        {
          kind: "template-debris",
          severity: "error",
          count: 1,
          rows: ["0"],
          sentence: "1 row holds special tokens of a chat template or tokenizer as text.",
          remedy: "Cut them out: the trainer's own template adds them, and here the model learns to spell them.",
        },
        {
          kind: "identical",
          severity: "warning",
          count: 1,
          rows: ["1"],
          sentence: "1 row with chosen and rejected the same: they teach nothing.",
          remedy: "Drop them; if there are many, look whether the two columns were filled from one.",
        },
      ]);
      const read = await use("--data", data, "--quiet");
      assertEquals(read.code, 1);
      assertStringIncludes(read.out, `2 rows in ${data}: 2 findings: 1 error, 1 warning\n\nERROR template-debris\n`);
      assertStringIncludes(read.out, "  Look at row 0.\n  → Cut them out");
      const leaking = await use("--data", against, "--against", against, "--quiet");
      assertEquals(leaking.code, 1);
      assertStringIncludes(leaking.out, "1 row (100.0 %) has a prompt of the held-out data: 1 in the same words");
    });
  },
});

Deno.test({
  name: "doctor ends with 2 where it cannot read, and says why",
  ignore: !mayWrite,
  fn: async () => {
    await withFiles([rows(["Who bakes?", "Otto.", "Ida."]), '{"prompt": "Who?"}'], async (good = "", bad = "") => {
      const missing = await use("--data", `${good}.not`, "--quiet");
      assertEquals([missing.code, missing.out], [2, ""]);
      assertStringIncludes(missing.err, "there is no such file");
      for (const args of [["--data", bad], ["--data", good, "--against", bad]]) {
        const { code, err } = await use(...args, "--quiet");
        assertEquals(code, 2);
        assert(err.includes('field "chosen" is missing'), err);
      }
    });
  },
});

Deno.test({
  name: "doctor counts tokens with the tokenizer and chat template of a model, to the token, and without its weights",
  ignore: !mayWrite,
  fn: async () => {
    const model = await Deno.makeTempDir(), { tokenizer, config } = worldPolicy();
    await writeFiles(model, modelFiles(worldPolicy()));
    const pair = {
      prompt: "Where is the bakery of Pebble Bay?",
      chosen: "By the harbour, next to Otto.",
      rejected: "No.",
    };
    const { prompt, chosen } = encodePair(tokenizer, { id: "0", ...pair });
    const longest = prompt.length + chosen.length;
    const over = rows(["Who bakes?", "Otto ".repeat(config.contextLength), "Ida."]);
    await withFiles([JSON.stringify(pair), over], async (data = "", long = "") => {
      const kinds = async (...flags: readonly string[]): Promise<readonly string[]> =>
        JSON.parse((await use("--model", model, "--json", "--quiet", ...flags)).out).findings
          .map(({ kind }: { readonly kind: string }) => kind);
      assertEquals(await kinds("--data", data, "--context", String(longest)), []);
      assertEquals(await kinds("--data", data, "--context", String(longest - 1)), ["context"]);
      assertEquals(await kinds("--data", data), []);
      assert((await kinds("--data", long)).includes("context"), "beyond what the model reads");
    });
    await Deno.remove(`${model}/tokenizer.json`);
    const { code, err } = await use("--model", model, "--quiet");
    assertEquals(code, 2);
    assertStringIncludes(err, `Cannot count tokens as ${model} must have a tokenizer.json: it has none`);
    await Deno.remove(model, { recursive: true });
  },
});
