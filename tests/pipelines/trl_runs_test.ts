/** Whole runs beside TRL's: the same weights, pairs and order, through the command line, step by step. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { decodeSafetensors, encodeSafetensors, scale, type Tensor } from "../../mod.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { summary } from "../../pipelines/summary.ts";
import { printed } from "./command_line.ts";

const SHARED = "../shared/reference/trl";
const granted = (await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name }))))
  .every(({ state }) => state === "granted");
const ignore = !granted || !await Deno.stat(SHARED).then(() => true, () => false);

type Curves = Readonly<Record<string, readonly number[]>>;
type Line = Readonly<Record<string, number>>;

/** A recorded run. */
interface Recorded {
  readonly float64: Curves;
  readonly dropped_rows?: readonly number[];
  readonly final_weight_l2?: Readonly<Record<string, number>>;
}

interface Pairs {
  readonly pairs: readonly Readonly<Record<"prompt" | "chosen" | "rejected", readonly number[]>>[];
}

const json = async <T>(name: string): Promise<T> => JSON.parse(await Deno.readTextFile(`${SHARED}/${name}`));

const ALWAYS = "--held-out 0 --steps 20 --batch-size 4 --shuffle off --lr 1e-3 --quiet";
const USUAL = "--schedule constant --warmup 0 --beta 0.1 --weight-decay 0.01";

/** What a run leaves in its folder: the lines of its steps, the model's tensors, and its own words. */
interface Left {
  readonly lines: readonly Line[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly out: string;
}

/** Runs DPO from TRL's first weights on TRL's pairs, written as rows of token ids. */
async function runOf(flags: string, made = "model"): Promise<Left> {
  const folder = await Deno.makeTempDir();
  try {
    const { pairs } = await json<Pairs>("preferences.json");
    const rows = pairs.map(({ prompt, chosen, rejected }) => (
      JSON.stringify({ prompt_ids: prompt, chosen_ids: chosen, rejected_ids: rejected })
    ));
    await Deno.writeTextFile(`${folder}/pairs.jsonl`, rows.join("\n"));
    const line = `--model ${SHARED}/model --data ${folder}/pairs.jsonl ${ALWAYS} ${flags} --out ${folder}/run`;
    const { code, err, out } = await printed({ pipelineOf: dpo, settings, summary }, ...line.split(" "));
    assertEquals([code, err], [0, ""]);
    const metrics = (await Deno.readTextFile(`${folder}/run/metrics.jsonl`)).trim().split("\n");
    const tensors = decodeSafetensors(await Deno.readFile(`${folder}/run/model/${made}.safetensors`));
    assert(tensors._tag === "Right");
    return { lines: metrics.map((line) => JSON.parse(line)), tensors: tensors.right, out };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The tolerances for 32 bits, by the beginnings of names. */
function tolerance(name: string, curve: readonly number[]): number {
  if (name === "rewards/accuracies" || name === "learning_rate") return 1e-12;
  if (name.startsWith("logps/")) return 1e-3;
  return name.startsWith("rewards/") ? 5e-4 : 2e-4 * Math.max(1, ...curve.map(Math.abs));
}

/** Every curve, step by step. */
function assertFollows(lines: readonly Line[], recorded: Curves): void {
  assertEquals(lines.length, 20);
  for (const [name, curve] of Object.entries(recorded)) {
    curve.forEach((expected, i) => {
      const actual = lines[i]![name] ?? NaN;
      assertLess(Math.abs(actual - expected), tolerance(name, curve) + 1e-300, `${name} at step ${i + 1}: ${actual}`);
    });
  }
}

const numbers = (t: Tensor): readonly number[] => Array.from(t.data);

/** 99.9 % of all numbers within 1e-4 of those in a file of TRL's, all within 2e-2. */
async function assertEndsAt(tensors: ReadonlyMap<string, Tensor>, name: string): Promise<void> {
  const final = decodeSafetensors(await Deno.readFile(`${SHARED}/${name}`));
  assert(final._tag === "Right");
  assertEquals([...tensors.keys()].sort(), [...final.right.keys()].sort());
  const away = Array.from(final.right).flatMap(([name, t]) => {
    const ours = numbers(tensors.get(name) as Tensor);
    return numbers(t).map((x, i) => Math.abs(x - ours[i]!));
  });
  assertLess(away.filter((x) => x > 1e-4).length, 1e-3 * away.length);
  assertLess(Math.max(...away), 2e-2);
}

Deno.test({
  name: "shared reference: dpo with --model on rows of ids follows TRL's twenty steps, and ends at TRL's weights",
  ignore,
  fn: async () => {
    const { float64 } = await json<Recorded>("dpo_sigmoid.json");
    const { lines, tensors } = await runOf(USUAL);
    assertEquals(Object.keys(float64).length, 9);
    assertFollows(lines, float64);
    await assertEndsAt(tensors, "dpo_sigmoid.final.safetensors");
  },
});

for (const name of ["lora", "lora_nonzero_start"]) {
  Deno.test({
    name: `shared reference: dpo with --adapter follows TRL's twenty steps of ${name}, and ends at TRL's adapter`,
    ignore,
    fn: async () => {
      const { runs } = await json<{ readonly runs: Readonly<Record<string, Recorded>> }>("dpo_lora.json");
      const { lines, tensors } = await runOf(`${USUAL} --adapter ${SHARED}/${name}-initial`, "adapter_model");
      assertFollows(lines, runs[name]!.float64);
      await assertEndsAt(tensors, `${name}-final/adapter_model.safetensors`);
    },
  });
}

for (
  const [name, flags] of [
    ["grad_accumulation_4x1", `${USUAL} --micro-batch 1`],
    ["cosine_warmup_5", "--beta 0.1 --weight-decay 0.01 --schedule cosine --warmup 5 --warmup-from zero"],
    ["beta_0.5", `${USUAL} --beta 0.5`],
    ["clip_0.1_decay_0.1", `${USUAL} --max-grad-norm 0.1 --weight-decay 0.1`],
  ] as const
) {
  Deno.test({
    name: `shared reference: dpo with ${name}'s flags follows TRL's twenty steps, and ends at weights of TRL's size`,
    ignore,
    fn: async () => {
      const { runs } = await json<{ readonly runs: Readonly<Record<string, Recorded>> }>("dpo_variants.json");
      const { float64, final_weight_l2: norms } = runs[name] as Recorded;
      const { lines, tensors } = await runOf(lastOf(flags));
      assertFollows(lines, float64);
      for (const [tensor, norm] of Object.entries(norms!)) {
        const ours = Math.hypot(...numbers(tensors.get(tensor) as Tensor));
        assertLess(Math.abs(ours - norm), 2e-4 * norm, tensor);
      }
    },
  });
}

Deno.test({
  name:
    "shared reference: dpo cut to 12 tokens follows TRL until the first pair that is one text when cut, which TRL keeps",
  ignore,
  fn: async () => {
    const { runs } = await json<{ readonly runs: Readonly<Record<string, Recorded>> }>("dpo_variants.json");
    const { float64, dropped_rows: dropped } = runs.max_length_12 as Recorded;
    const { lines, out } = await runOf(`${USUAL} --context 12 --overflow keepStart`);
    assert(
      out.includes(`rows ${dropped?.join(", ")}.\n3 rows dropped as chosen and rejected are identical once cut`),
      out,
    );
    const until = Object.entries(float64).map(([name, curve]) => [name, curve.slice(0, 4)] as const);
    assertFollows(lines, Object.fromEntries(until));
  },
});

Deno.test({
  name: "shared reference: dpo with --ref-model follows TRL's twenty steps against that reference",
  ignore,
  fn: async () => {
    const { runs } = await json<{ readonly runs: Readonly<Record<string, Recorded>> }>("dpo_variants.json");
    const folder = await Deno.makeTempDir();
    await Deno.copyFile(`${SHARED}/model/config.json`, `${folder}/config.json`);
    const tensors = decodeSafetensors(await Deno.readFile(`${SHARED}/model/model.safetensors`));
    assert(tensors._tag === "Right");
    const other = Array.from(
      tensors.right,
      ([name, t]) => [name, name.includes("o_proj") ? scale(t, 0.9) : t] as const,
    );
    await Deno.writeFile(`${folder}/model.safetensors`, encodeSafetensors(Object.fromEntries(other)));
    const { lines } = await runOf(`${USUAL} --ref-model ${folder}`);
    assertFollows(lines, runs.other_reference!.float64);
    await Deno.remove(folder, { recursive: true });
  },
});

/** Flags of which only the last of a name stays: a flag given twice is refused. */
function lastOf(flags: string): string {
  const values = new Map(Array.from(flags.matchAll(/(--\S+) (\S+)/g), ([, flag, value]) => [flag, value]));
  return Array.from(values, ([flag, value]) => `${flag} ${value}`).join(" ");
}
