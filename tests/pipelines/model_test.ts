/** Going on with a model that a run has left, on text and on token ids. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  type Checkpoint,
  dpoUpdate,
  encodePair,
  finish,
  freezeRef,
  leaves,
  loadPairs,
  type Pair,
  type PairRow,
  pipeline,
  refLogps,
  right,
  run,
  tokenize,
} from "../../mod.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { ppo, settings as ppoSettings } from "../../pipelines/ppo.ts";
import { ppoSummary } from "../../pipelines/ppo_summary.ts";
import { reward, settings as rewardSettings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";
import { settings as sftSettings, sft } from "../../pipelines/sft.ts";
import { alignmentSizes } from "../../pipelines/sizes.ts";
import { sftSummary, summary } from "../../pipelines/summary.ts";
import { pairsOf, vocabulary, warmStart } from "../../pipelines/setup.ts";
import { training } from "../../pipelines/training.ts";
import { type Printed, printed } from "./command_line.ts";
import raw from "../../fixtures/world/pairs.json" with { type: "json" };

const granted = (await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name }))))
  .every(({ state }) => state === "granted");

const DPO = { pipelineOf: dpo, settings, summary, sizes: alignmentSizes };
const pairs = raw.slice(0, 40).map(([prompt, chosen, rejected], i) =>
  ({ id: `${i}`, prompt, chosen, rejected }) as Pair
);

const use = (line: string): Promise<Printed> => printed(DPO, ...line.split(" "), "--quiet");

/** A model that a short run on pairs of text has left in `run/model`, and the files around it. */
async function withModel(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/pairs.jsonl`, pairs.map((pair) => JSON.stringify(pair)).join("\n"));
    const { code, err } = await use(`--data ${folder}/pairs.jsonl --epochs 0.1 --sft-epochs 0.1 --out ${folder}/run`);
    assertEquals([code, err], [0, ""]);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const json = async (path: string): Promise<Record<string, unknown>> => JSON.parse(await Deno.readTextFile(path));

Deno.test("pairs of token ids train as the texts they are of do, to the byte", async () => {
  const s = { ...settings.values, pairs: 60 };
  const world = await finish(run(pipeline("dpo", [loadPairs(pairsOf(s)), vocabulary(s)]), { seed: 0, given: {} }));
  assert(world._tag === "Right");
  const { pairs, report, tokenizer } = world.right;
  const policyOf = async (data: readonly PairRow[]): Promise<unknown> => {
    const source = loadPairs(() => right({ data, report }), { heldOut: 0 }),
      own = dpoUpdate({ ...training(s), beta: 0.1 });
    const stages = [source, vocabulary(s), tokenize(), warmStart(s), freezeRef(), refLogps(), own] as const;
    const ended = await finish(run(pipeline("dpo", stages), { seed: 0, given: {} }));
    assert(ended._tag === "Right");
    return leaves(ended.right.policy).map(([, t]) => t.data.slice());
  };
  assertEquals(await policyOf(pairs.map((pair) => encodePair(tokenizer, pair as Pair))), await policyOf(pairs));
  assertNotEquals(await policyOf(pairs.slice(1)), await policyOf(pairs));
});

Deno.test({
  name: "a model that a run left is gone on with, in every pipeline: what it is saved as again is what it was",
  ignore: !granted,
  fn: () =>
    withModel(async (folder) => {
      const model = `${folder}/run/model`, data = `${folder}/pairs.jsonl`;
      const again = await use(`--data ${data} --model ${model} --lr 1e-30 --steps 1 --out ${folder}/again`);
      assertEquals([again.code, again.err], [0, ""]);
      for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"]) {
        assertEquals(
          await Deno.readTextFile(`${folder}/again/model/${name}`),
          await Deno.readTextFile(`${model}/${name}`),
        );
      }
      const [then, now] = await Promise.all(
        [model, `${folder}/again/model`].map((m) => Deno.readFile(`${m}/model.safetensors`)),
      );
      assert(now!.length === then!.length && now!.every((byte, i) => byte === then![i])); // a step of 1e-30 is lost in every number
      const { sftEpochs, modelHash, lr } = await json(`${folder}/again/config.json`);
      assertEquals([sftEpochs, typeof modelHash, (modelHash as string).length, lr], [0, "string", 16, 1e-30]);
      const common = `--data ${data} --model ${model} --quiet --json --steps 1`.split(" ");
      const tuned = await printed({ pipelineOf: sft, settings: sftSettings, summary: sftSummary }, ...common);
      const fitted = await printed({ pipelineOf: reward, settings: rewardSettings, summary: rewardSummary }, ...common);
      const { steps: _, ...rest } = { steps: 0, flags: common.slice(0, -2) };
      const reinforced = await printed(
        { pipelineOf: ppo, settings: ppoSettings, summary: ppoSummary },
        ...[...rest.flags, "--iterations", "1", "--rollouts", "8", "--max-new-tokens", "4", "--reward-epochs", "0.1"],
      );
      for (const { code, err } of [tuned, fitted, reinforced]) assertEquals([code, err], [0, ""]);
      const { texts, heldOut, dropped, truncated } = JSON.parse(tuned.out).data;
      assertEquals([texts + heldOut > 0, dropped, truncated], [true, 0, 0]);
    }),
});

Deno.test({
  name: "a kept run on a model that has changed since is refused, by its content hash",
  ignore: !granted,
  fn: () =>
    withModel(async (folder) => {
      const model = `${folder}/run/model`, line = `--data ${folder}/pairs.jsonl --model ${model} --out ${folder}/b`;
      assertEquals((await use(line)).code, 0);
      const bytes = await Deno.readFile(`${model}/model.safetensors`);
      bytes[bytes.length - 1]! ^= 1;
      await Deno.writeFile(`${model}/model.safetensors`, bytes);
      const hash = (await json(`${folder}/b/config.json`)).modelHash;
      for (const way of [`--resume ${folder}/b`, `--config ${folder}/b/config.json`]) {
        const { code, err } = await use(way);
        assertEquals(code, 2);
        assert(
          err.includes(`Cannot use ${model} as it must have the content hash ${hash}, as when the run began:`),
          err,
        );
      }
    }),
});

Deno.test({
  name:
    "--model says what is wrong: no such model, text for one without a tokenizer, ids without a model, no data for sft",
  ignore: !granted,
  fn: () =>
    withModel(async (folder) => {
      const model = `${folder}/run/model`, data = `${folder}/pairs.jsonl`, ids = `${folder}/ids.jsonl`;
      const sentence = async (line: string): Promise<string> => {
        const { code, err } = await use(line);
        assertEquals(code, 2, err);
        return err.trim();
      };
      await Deno.writeTextFile(ids, JSON.stringify({ prompt_ids: [1, 2], chosen_ids: [3], rejected_ids: [4] }));
      assertEquals(
        await sentence(`--data ${data} --model ${folder}/none`),
        `Cannot load ${folder}/none as there is no such folder or file`,
      );
      assertEquals(
        await sentence(`--explain --model ${folder}/none`),
        `Cannot load ${folder}/none as there is no such folder or file`,
      );
      assertEquals(
        await sentence(`--data ${ids}`),
        "Cannot fit a tokenizer as pairs must be texts: row 0 is token ids, which need the model they are of",
      );
      await Deno.remove(`${model}/tokenizer.json`);
      assertEquals(
        await sentence(`--data ${data} --model ${model} --held-out 0`),
        "Cannot use row 0 as the model came without a tokenizer: put its tokenizer.json beside it, or give rows of " +
          "prompt_ids, chosen_ids and rejected_ids",
      );
      const tuned = await printed({ pipelineOf: sft, settings: sftSettings, summary: sftSummary }, "--model", model);
      assertEquals(
        tuned.err.trim(),
        `Cannot fine-tune ${model} without --data as the world's text is in the tokens of its own model`,
      );
    }),
});

Deno.test({
  name: "--explain reads a model's config: its parameters are those of the files",
  ignore: !granted,
  fn: () =>
    withModel(async (folder) => {
      const { out } = await use(`--explain --json --data ${folder}/pairs.jsonl --model ${folder}/run/model`);
      const { memory } = JSON.parse(out) as { memory: readonly { part: string; bytes: number; note: string }[] };
      const policy = memory.find(({ part }) => part === "policy");
      const size = (await Deno.stat(`${folder}/run/model/model.safetensors`)).size;
      assert(size - policy!.bytes > 0 && size - policy!.bytes < 4096, `${size} ${policy!.bytes}`); // but for the header
    }),
});

Deno.test({
  name: "dpo on a model resumes to the byte",
  ignore: !granted,
  fn: () =>
    withModel(async (folder) => {
      const s = { ...settings.values, data: `${folder}/pairs.jsonl`, model: `${folder}/run/model`, batchSize: 8 };
      const checkpoints: Checkpoint[] = [];
      const bytes = async (resume?: Checkpoint): Promise<unknown> => {
        const ended = await finish(run(dpo(s), {
          ...{ seed: 0, given: {}, checkpointEvery: 1, ...resume && { resume } },
          onCheckpoint: (checkpoint) => void checkpoints.push(checkpoint),
        }));
        assert(ended._tag === "Right", JSON.stringify(ended));
        return leaves(ended.right.policy).map(([, t]) => t.data.slice());
      };
      const whole = await bytes(), middle = checkpoints[Math.floor(checkpoints.length / 2)] as Checkpoint;
      assertEquals(middle.at.path, ["dpo", "dpoUpdate"]);
      assertEquals(await bytes(middle), whole);
      assertNotEquals(checkpoints.length, 0);
    }),
});
