/** Adapters through the command line: trained, kept, gone on with, merged. */
import { assert, assertEquals, assertLess, assertStrictEquals } from "@std/assert";
import {
  type DecoderParams,
  finish,
  initAdapter,
  initDecoder,
  key,
  leaves,
  loadModel,
  mergeAdapter,
  parameterCount,
  run,
} from "../../mod.ts";
import { worldVocabulary } from "../../fixtures/world/shipped.ts";
import { alignmentSizes } from "../../pipelines/sizes.ts";
import { layoutOf } from "../../lib/model/hf/layout.ts";
import { withAdapter } from "../../lib/model/lora.ts";
import { readPeft } from "../../lib/model/peft.ts";
import { loadAdapter } from "../../lib/io/load_adapter.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { ppo, settings as ppoSettings } from "../../pipelines/ppo.ts";
import { reward, settings as rewardSettings } from "../../pipelines/reward.ts";
import { rewardSummary } from "../../pipelines/reward_summary.ts";
import { settings as sftSettings, sft } from "../../pipelines/sft.ts";
import { sftSummary, summary } from "../../pipelines/summary.ts";
import { type Printed, printed } from "./command_line.ts";
import raw from "../../fixtures/world/pairs.json" with { type: "json" };

const granted = (await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name }))))
  .every(({ state }) => state === "granted");

const use = (line: string): Promise<Printed> =>
  printed({ pipelineOf: dpo, settings, summary }, ...line.split(" "), "--quiet");

/** A model that a short run on pairs of text has left in `base/model`. */
async function withModel(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const pairs = raw.slice(0, 40).map(([prompt, chosen, rejected], i) => ({ id: `${i}`, prompt, chosen, rejected }));
    await Deno.writeTextFile(`${folder}/pairs.jsonl`, pairs.map((pair) => JSON.stringify(pair)).join("\n"));
    const made = await use(`--data ${folder}/pairs.jsonl --epochs 0.1 --sft-epochs 0.1 --out ${folder}/base`);
    assertEquals([made.code, made.err], [0, ""]);
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const namesIn = async (folder: string): Promise<readonly string[]> =>
  (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();

Deno.test({
  name: "--lora-rank leaves an adapter in PEFT's form, --adapter goes on with it, --merge writes the model it makes",
  ignore: !granted,
  fn: () =>
    withModel(async (folder) => {
      const common = `--data ${folder}/pairs.jsonl --model ${folder}/base/model --batch-size 8 --lr 1e-2`;
      const first = await use(`${common} --lora-rank 3 --lora-targets q,v,down --out ${folder}/a`);
      assertEquals([first.code, first.err], [0, ""]);
      assertEquals(await namesIn(`${folder}/a/model`), [
        ...["README.md", "adapter_config.json", "adapter_model.safetensors", "tokenizer.json", "tokenizer_config.json"],
      ]);
      const card = await Deno.readTextFile(`${folder}/a/model/README.md`);
      assertEquals([card.includes(folder), card.includes("--data pairs.jsonl --model model")], [false, true]);
      const config = JSON.parse(await Deno.readTextFile(`${folder}/a/model/adapter_config.json`));
      assertEquals([config.r, config.lora_alpha, config.target_modules], [3, 6, ["down_proj", "q_proj", "v_proj"]]);
      assertEquals(config.base_model_name_or_path, "model");
      const still = `--data ${folder}/pairs.jsonl --model ${folder}/base/model --adapter ${folder}/a/model --lr 1e-30`;
      const again = await use(`${still} --steps 1 --out ${folder}/b`);
      assertEquals([again.code, again.err], [0, ""]);
      const bytes = (name: string): Promise<Uint8Array> =>
        Deno.readFile(`${folder}/${name}/model/adapter_model.safetensors`);
      assertEquals(await bytes("b"), await bytes("a"));
      const merging = await use(`${still} --steps 1 --merge --out ${folder}/c`);
      assertEquals([merging.code, merging.err], [0, ""]);
      const [base, whole] = [await loadModel(`${folder}/base/model`), await loadModel(`${folder}/c/model`)];
      const stored = await loadAdapter(`${folder}/a/model`);
      assert(base._tag === "Right" && whole._tag === "Right" && stored._tag === "Right");
      const { form, config: architecture, params } = base.right;
      const adapter = readPeft(layoutOf(form.modelType, architecture), stored.right.json, stored.right.tensors);
      assert(adapter._tag === "Right");
      const merged = leaves(mergeAdapter(withAdapter(params, adapter.right))), written = leaves(whole.right.params);
      let moved = 0;
      merged.forEach(([path, t], i) => {
        const [name, other] = written[i]!, was = leaves(params)[i]![1];
        assertEquals(path, name);
        t.data.slice().forEach((x, j) => {
          assertLess(Math.abs(x - other.data[j]!), 1e-6, path);
          moved = Math.max(moved, Math.abs(x - was.data[j]!));
        });
      });
      assertLess(1e-3, moved);
    }),
});

Deno.test({
  name: "sft and reward train adapters, too: the policy's is left alone, the reward model is whole",
  ignore: !granted,
  fn: () =>
    withModel(async (folder) => {
      const line = `--data ${folder}/pairs.jsonl --model ${folder}/base/model --lora-rank 2 --steps 2 --quiet`;
      const tuned = await printed(
        { pipelineOf: sft, settings: sftSettings, summary: sftSummary },
        ...`${line} --out ${folder}/s`.split(" "),
      );
      assertEquals([tuned.code, tuned.err], [0, ""]);
      assert((await namesIn(`${folder}/s/model`)).includes("adapter_model.safetensors"));
      const fitted = await printed(
        { pipelineOf: reward, settings: rewardSettings, summary: rewardSummary },
        ...`${line} --out ${folder}/r`.split(" "),
      );
      assertEquals([fitted.code, fitted.err], [0, ""]);
      assert((await namesIn(`${folder}/r/model`)).includes("model.safetensors"));
    }),
});

Deno.test("flags of an adapter that do not fit say so", async () => {
  const sentence = async (line: string): Promise<string> => {
    const { code, err } = await use(line);
    assertEquals(code, 2, err);
    return err.trim();
  };
  assertEquals(
    await sentence("--pairs 40 --prompts 30 --lora-alpha 3 --rs-lora"),
    "Cannot read --lora-alpha, --rs-lora as there is no adapter: give --lora-rank, too",
  );
  assertEquals(
    await sentence("--pairs 40 --prompts 30 --lora-rank 3 --lora-targets q,z"),
    'Cannot read --lora-targets as it must name some of q,k,v,o,gate,up,down with commas between: one is "z"',
  );
  assertEquals(
    await sentence("--pairs 40 --prompts 30 --lora-rank 3 --adapter x"),
    "Cannot read --lora-rank as --adapter says the rank: give one of them",
  );
});

Deno.test("--explain counts what an adapter trains, and the model beside it once", async () => {
  const { config } = worldVocabulary();
  for (const more of [{ loraTargets: "all", dora: false }, { loraTargets: "q,down", dora: true }]) {
    const sizes = await alignmentSizes({ ...settings.values, loraRank: 4, ...more });
    assert(sizes._tag === "Right");
    const of = (part: string): number => sizes.right.find((size) => size.part === part)!.numbers as number;
    const targets = more.dora ? { targets: ["query", "down"] as const } : {};
    const adapter = initAdapter(key(0), initDecoder(key(0), config), { rank: 4, dora: more.dora, ...targets });
    const numbers = leaves(adapter).reduce((sum, [, t]) => sum + t.data.length, 0);
    assertEquals(["its adapter", "gradients", "AdamW's two moments"].map(of), [numbers, numbers, 2 * numbers]);
    assertEquals([of("policy"), of("reference")], [parameterCount(config), 0]);
  }
});

Deno.test("ppo trains adapters of the policy, the reward model and the critic, beside one trunk for all", async () => {
  const few = { pairs: 60, prompts: 30, iterations: 1, rollouts: 8, minibatch: 4, maxNewTokens: 4, rewardEpochs: 0.2 };
  const values = { ...ppoSettings.values, ...few, loraRank: 2, lr: 1e-2, valueLr: 1e-2 };
  const ended = await finish(run(ppo(values), { seed: 0, given: {} }));
  assert(ended._tag === "Right");
  const { policy, ref, value, reward } = ended.right;
  const trunks = [policy, value.trunk, reward?.trunk].map((trunk) => trunk as DecoderParams);
  for (const trunk of trunks) {
    assertStrictEquals(trunk.embedding, ref.embedding);
    assertStrictEquals(trunk.layers[0]!.query, ref.layers[0]!.query);
  }
  const numbers = trunks.map(({ adapter }) => leaves(adapter).map(([, t]) => [...t.data]));
  assertEquals(new Set(numbers.map((all) => JSON.stringify(all))).size, 3);
  assert(numbers.slice(0, 2).every((all) => all.every((leaf) => leaf.some((x) => x !== 0))));
});
