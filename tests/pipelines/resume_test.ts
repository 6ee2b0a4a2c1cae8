/** Pipelines that train, broken off and gone on with: the same metrics, the same model, to the byte. */
import { assertEquals, assertGreater } from "@std/assert";
import type { SettingFields } from "../../mod.ts";
import { dpo, settings as dpoSettings } from "../../pipelines/dpo.ts";
import { command, type Program } from "../../pipelines/main.ts";
import { ppo, settings as ppoSettings } from "../../pipelines/ppo.ts";
import { ppoSummary } from "../../pipelines/ppo_summary.ts";
import { reward, settings as rewardSettings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";
import { summary } from "../../pipelines/summary.ts";
import { type MemoryFolder, memoryFolder, opening } from "./memory_folder.ts";

type Use = (args: string, folder: MemoryFolder, signal?: AbortSignal) => Promise<number>;

/** The command line of a pipeline on a folder in memory. */
function used<F extends SettingFields, Adds extends object>(program: Program<F, Adds>): Use {
  return (args, folder, signal = new AbortController().signal) =>
    command({
      args: [...args.split(" "), "--quiet"],
      out: () => {},
      err: () => {},
      columns: null,
      signal,
      now: () => performance.now() / 1000,
      openFolder: opening(folder),
    }, program);
}

const cases: Readonly<Record<string, { readonly use: Use; readonly flags: string; readonly at: readonly number[] }>> = {
  dpo: {
    use: used({ pipelineOf: dpo, settings: dpoSettings, summary }),
    flags: "--pairs 60 --prompts 30 --batch-size 16",
    at: [1],
  },
  reward: {
    use: used({ pipelineOf: reward, settings: rewardSettings, summary: rewardSummary }),
    flags: "--pairs 60 --batch-size 16",
    at: [2],
  },
  ppo: {
    use: used({ pipelineOf: ppo, settings: ppoSettings, summary: ppoSummary }),
    flags: "--pairs 60 --prompts 30 --iterations 3 --rollouts 16 --minibatch 8 --max-new-tokens 6 --kl-target 3",
    at: [14],
  },
};

/** What must not depend on how a run came about. */
const kept = ({ files }: MemoryFolder): ReadonlyMap<string, Uint8Array> =>
  new Map([...files].filter(([name]) => name.startsWith("model/") || ["metrics.jsonl", "config.json"].includes(name)));

/** The most memory that a stage took, by the timings of a kept run. */
const mostOf = (folder: MemoryFolder): number =>
  Math.max(
    ...folder.text("timings.jsonl").trimEnd().split("\n").map((line) => JSON.parse(line).memoryBytes ?? 0),
  );

for (const [name, { use, flags, at }] of Object.entries(cases)) {
  Deno.test(`${name}: broken off and gone on with, it ends with the metrics and the model of an unbroken run`, async () => {
    const whole = memoryFolder("run");
    assertEquals(await use(`${flags} --out run`, whole), 0);
    assertEquals(whole.files.has("checkpoints/best.checkpoint"), whole.text("metrics.jsonl").includes('"eval_loss"'));
    assertEquals(whole.text("model/README.md").split("\n", 2), ["---", 'library_name: "transformers"']);
    assertEquals(JSON.parse(whole.text("summary.json")).memory, { peakBytes: mostOf(whole) });
    const lines = whole.text("metrics.jsonl").trimEnd().split("\n").length;
    for (const step of at) {
      assertGreater(lines, step, `${lines}`);
      const abort = new AbortController();
      let written = 0;
      const folder = memoryFolder("run", (action, name) => {
        if (action === "append" && name === "metrics.jsonl" && ++written === step) abort.abort();
        return undefined;
      });
      assertEquals(await use(`${flags} --out run`, folder, abort.signal), 130);
      assertEquals(folder.text("metrics.jsonl").trimEnd().split("\n").length, step);
      assertEquals(await use("--resume run", folder), 0);
      assertEquals(kept(folder), kept(whole));
    }
  });
}
