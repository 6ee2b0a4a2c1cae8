/**
 * LoRA-DPO of a model of 135 million parameters on pairs of chats' lengths, from files, by the pipeline:
 * `deno run -A tests/bench/lora_bench.ts` (it asks the system for the memory of the process).
 *
 * The first run writes the model (random weights of SmolLM2-135M's shape, in bfloat16) into `--folder`. Then it prints pairs
 * and tokens a second, and the most memory, as it was foretold and as it was: of the tensors, and of the process.
 */
import { parseArgs } from "@std/cli";
import { type Backend, finish, heldIn, initDecoder, key, modelFiles, openKernels, run } from "../../mod.ts";
import type { Foretold } from "../../lib/flow/rehearse.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { pairs, realTokens, shapes } from "./workload.ts";

const flags = parseArgs(Deno.args, {
  string: ["folder", "pairs", "backend", "library", "micro-batch", "checkpointing"],
  default: { folder: "runs/bench-135m", pairs: "64", backend: "wasm", "micro-batch": "4", checkpointing: "on" },
});
const { folder } = flags, config = shapes.M;
const rows = pairs("M", Number(flags.pairs));

/** Writes a file in pieces. */
async function write(path: string, content: string | Iterable<Uint8Array>): Promise<void> {
  if (typeof content === "string") return await Deno.writeTextFile(path, content);
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for (const chunk of content) for (let at = 0; at < chunk.length;) at += file.writeSync(chunk.subarray(at));
}

/** The model and the pairs as files. */
async function prepare(): Promise<void> {
  await Deno.mkdir(`${folder}/model`, { recursive: true });
  const policy = heldIn(initDecoder(key(1), config), "bf16");
  const tokenizer = { idCount: config.vocabSize, ends: [2] };
  for (const [name, content] of Object.entries(modelFiles({ config, tokenizer, policy }))) {
    await write(`${folder}/model/${name}`, content);
  }
}

/** Bytes of the process, now and at most. */
function resident(): Readonly<Record<"VmRSS" | "VmHWM", number>> {
  const status = Deno.readTextFileSync("/proc/self/status");
  const of = (name: string): number => 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN);
  return { VmRSS: of("VmRSS"), VmHWM: of("VmHWM") };
}

if (await Deno.stat(`${folder}/model/model.safetensors`).catch(() => null) === null) {
  await prepare();
  console.log(`Wrote ${folder}: run again, so that the memory of writing is not counted`);
  Deno.exit();
}
const ids = rows.map(({ prompt, chosen, rejected }) =>
  JSON.stringify({ prompt_ids: [...prompt], chosen_ids: [...chosen], rejected_ids: [...rejected] })
);
await Deno.writeTextFile(`${folder}/pairs.jsonl`, ids.join("\n"));
const before = resident();
await openKernels({ backend: flags.backend as Backend, ...flags.library ? { library: String(flags.library) } : {} });
const values = {
  ...settings.values,
  ...{
    model: `${folder}/model`,
    data: `${folder}/pairs.jsonl`,
    loraRank: 16,
    lr: 1e-5,
    heldOut: 0,
    sftEpochs: 0,
    context: 512,
  },
  ...{ batchSize: 16, microBatch: Number(flags["micro-batch"]), gradientCheckpointing: flags.checkpointing as "on" },
};
let foretold: readonly Foretold[] = [], since = performance.now();
const stages: Record<string, Readonly<Record<string, number | undefined>>> = {};
const ended = await finish(
  run(dpo(values), { seed: 0, given: {}, onForetold: (all) => (foretold = all, []) }),
  ({ type, path, ...event }) => {
    const stage = path.at(-1)!, now = performance.now();
    if (type === "start") since = now;
    if (type !== "done") return;
    const peak = foretold.find((one) => one.path.at(-1) === stage)?.peak;
    stages[stage] = { seconds: (now - since) / 1000, memory: (event as { memory?: number }).memory, foretold: peak };
  },
);
if (ended._tag === "Left") throw new Error(ended.left.sentences.join("; "));
const { seconds = NaN } = stages.dpoUpdate!;
const figures = {
  stages,
  processBefore: before.VmRSS,
  processMost: resident().VmHWM,
  pairsPerSecond: rows.length / seconds,
  realTokensPerSecond: realTokens(rows) / seconds,
};
console.log(JSON.stringify(figures, null, 2));
