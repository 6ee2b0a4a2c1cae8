import { assert, assertEquals } from "@std/assert";
import { decodeSafetensors } from "../../lib/model/safetensors.ts";
import { readHeader, storedBytes } from "../../lib/model/safetensors_header.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { command } from "../../pipelines/main.ts";
import { summary } from "../../pipelines/summary.ts";
import { memoryFolder, opening } from "./memory_folder.ts";

/** Types and numbers of the model that a short run saves. */
async function saved(flags: string): Promise<{ types: readonly string[]; numbers: Float32Array; config: string }> {
  const folder = memoryFolder("run"), openFolder = opening(folder), { signal } = new AbortController();
  const args = `--pairs 60 --prompts 30 --batch-size 16 --steps 2 --quiet --out run ${flags}`.trim().split(" ");
  const terminal = { args, out: () => {}, err: () => {}, columns: null, signal, now: () => 0, openFolder };
  assertEquals(await command(terminal, { pipelineOf: dpo, settings, summary }), 0);
  const bytes = folder.files.get("model/model.safetensors")!;
  const header = readHeader({ bytes: bytes.length, read: (at, out) => out.set(bytes.subarray(at, at + out.length)) });
  const tensors = decodeSafetensors(bytes);
  assert(header._tag === "Right" && tensors._tag === "Right");
  const config = JSON.parse(folder.text("model/config.json")).torch_dtype;
  const numbers = tensors.right.get("model.layers.0.mlp.up_proj.weight")!.data.slice() as Float32Array;
  return { types: Object.keys(storedBytes(header.right.values())), numbers, config };
}

Deno.test("--save-dtype rounds the weights that are written, and says so in config.json", async () => {
  const exact = await saved(""), half = await saved("--save-dtype f16");
  assertEquals([exact.types, exact.config], [["F32"], "float32"]);
  assertEquals([half.types, half.config], [["F16"], "float16"]);
  assertEquals(half.numbers, exact.numbers.map((x) => Math.f16round(x)));
});
