import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Stage } from "../../mod.ts";
import { bradleyTerry, settings as rankingSettings } from "../../pipelines/bradley_terry.ts";
import { summary as rankingSummary } from "../../pipelines/bradley_terry_report.ts";
import { doctor, settings as doctorSettings } from "../../pipelines/doctor.ts";
import { dpo, settings as dpoSettings } from "../../pipelines/dpo.ts";
import { bytesText } from "../../pipelines/explain.ts";
import { ppo, settings as ppoSettings } from "../../pipelines/ppo.ts";
import { reward, settings as rewardSettings } from "../../pipelines/reward.ts";
import { settings as sftSettings, sft } from "../../pipelines/sft.ts";
import { alignmentSizes, reinforcementSizes, rewardSizes } from "../../pipelines/sizes.ts";
import { summary } from "../../pipelines/summary.ts";
import { printed } from "./command_line.ts";
import { countdown, settings as countdownSettings, summary as countdownSummary } from "./countdown.ts";

/** The stages that do something themselves. */
function workers(stage: Stage<never, object>): readonly Stage<never, object>[] {
  const { work } = stage;
  return work.type === "pipeline"
    ? work.stages.flatMap(workers)
    : work.type === "repeat"
    ? workers(work.stage)
    : [stage];
}

Deno.test("every stage of every pipeline says what it needs and adds, on the world and on own data", () => {
  const data = "pairs.jsonl";
  const pipelines: readonly Stage<never, object>[] = [
    dpo(dpoSettings.values),
    dpo({ ...dpoSettings.values, data }),
    dpo({ ...dpoSettings.values, data, model: "model" }),
    sft({ ...sftSettings.values, data, model: "model" }),
    ppo({ ...ppoSettings.values, data, model: "model", sftEpochs: 1 }),
    ppo(ppoSettings.values),
    ppo({ ...ppoSettings.values, data, reward: "reward.ts" }),
    sft(sftSettings.values),
    sft({ ...sftSettings.values, data }),
    reward(rewardSettings.values),
    reward({ ...rewardSettings.values, data }),
    bradleyTerry(rankingSettings.values),
    doctor(doctorSettings.values),
  ];
  const silent = pipelines.flatMap((pipeline) =>
    workers(pipeline).filter(({ needs, adds }) => needs === undefined || adds === undefined)
      .map(({ name }) => `${pipeline.name}/${name}`)
  );
  assertEquals(silent, []);
});

Deno.test("--explain shows stages and memory, and runs nothing", async () => {
  const program = { pipelineOf: dpo, settings: dpoSettings, summary, sizes: alignmentSizes };
  const { code, out, err } = await printed(program, "--explain", "--data", "absent.jsonl");
  assertEquals([code, err], [0, ""]);
  assertStringIncludes(out, "dpoUpdate            in steps          config, policy, rows, refLogps");
  const world = JSON.parse((await printed(program, "--explain", "--json")).out);
  assertEquals(world.stages[1], {
    stage: "loadPairs",
    work: "once, may refuse",
    needs: [],
    adds: ["pairs", "heldOutPairs", "report"],
  });
  const bytes = Object.fromEntries(world.memory.map((m: { part: string; bytes: number }) => [m.part, m.bytes]));
  assertEquals([bytes.policy, bytes["AdamW's two moments"], bytes["reference log-probs"]], [
    4 * 610_176,
    8 * 610_176,
    16 * 6000,
  ]);
  const plain = await printed(
    { pipelineOf: bradleyTerry, settings: rankingSettings, summary: rankingSummary },
    "--explain",
  );
  assert(plain.out.startsWith("stage ") && !plain.out.includes("memory"), plain.out);
});

Deno.test("sizes add up: a reward model lacks the head, a shared critic has no trunk", async () => {
  const of = async (sizes: ReturnType<typeof rewardSizes>, part: string): Promise<number | null | undefined> => {
    const known = await sizes;
    return known._tag === "Left" ? undefined : known.right.find((size) => size.part === part)?.numbers;
  };
  const trunk = (await of(rewardSizes(rewardSettings.values), "policy"))!;
  assertEquals(await of(rewardSizes(rewardSettings.values), "reward model"), trunk + 128);
  const ppoSizes = (critic: "reward" | "shared"): Promise<number | null | undefined> =>
    of(reinforcementSizes({ ...ppoSettings.values, critic }), "gradients");
  assertEquals([await ppoSizes("reward"), await ppoSizes("shared")], [2 * trunk + 128, trunk + 128]);
  assertEquals([0, 1023, 1536, 3 * 2 ** 20, 5 * 2 ** 40].map(bytesText), [
    ...["0 B", "1023 B", "1.5 KiB", "3.0 MiB", "5120.0 GiB"],
  ]);
});

Deno.test("--html prints the page of the run and nothing else; with --json it is refused", async () => {
  const program = { pipelineOf: countdown, settings: countdownSettings, summary: countdownSummary };
  const { code, out, err } = await printed(program, "--html", "--quiet", "--from", "4");
  assertEquals([code, err], [0, ""]);
  assert(out.startsWith("<!doctype html>") && out.trimEnd().endsWith("</html>"));
  assertStringIncludes(out, "deno run pipelines/countdown.ts --from 4");
  assertEquals(await printed(program, "--html", "--json"), {
    code: 2,
    out: "",
    err: "Cannot use --html with --json as one of them goes to stdout: leave one out\n",
  });
  const ranking = { pipelineOf: bradleyTerry, settings: rankingSettings, summary: rankingSummary };
  assertStringIncludes((await printed(ranking, "--html", "--quiet")).out, "Who beats whom</h3>");
});
