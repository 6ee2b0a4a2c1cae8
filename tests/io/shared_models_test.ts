/** All folders of `../shared/reference/hf`, where that folder and the permission to read are there. */
import { assert, assertEquals } from "@std/assert";
import { type LoadedModel, loadModel } from "../../lib/io/load_model.ts";
import { decoderConfig } from "../../lib/model/hf/decoder_config.ts";
import { fileTensors } from "../../lib/model/hf/write_params.ts";
import { safetensorsChunks } from "../../lib/model/safetensors.ts";
import { readHeader } from "../../lib/model/safetensors_header.ts";
import { narrow, widen } from "../../lib/kernels/half.ts";
import { leaves } from "../../lib/tensor/tree.ts";

const FOLDER = new URL("../../../shared/reference/hf/", import.meta.url).pathname;
const readable = (await Deno.permissions.query({ name: "read", path: FOLDER })).state === "granted" &&
  await Deno.stat(FOLDER).then(() => true, () => false);

const MODELS = [
  ...["gpt2", "llama", "llama-bf16", "llama-f16", "llama-sharded", "llama3-rope", "mistral", "qwen2", "smollm3"],
  ...["phi3", "phi3-partial-rotary", "gemma2", "gemma3"],
];

function shared(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `shared models: ${name}`, ignore: !readable, fn });
}

async function load(name: string): Promise<LoadedModel> {
  const model = await loadModel(FOLDER + name);
  assert(model._tag === "Right", model._tag === "Left" ? model.left.sentences.join("\n") : "");
  return model.right;
}

/** Type, shape and bytes of every tensor in a file. */
function tensorsOf(bytes: Uint8Array): readonly (readonly [name: string, tensor: string])[] {
  const header = readHeader({ bytes: bytes.length, read: (at, out) => out.set(bytes.subarray(at, at + out.length)) });
  assert(header._tag === "Right");
  return Array.from(header.right, ([name, { dtype, shape, start, end }]) => {
    return [name, `${dtype} [${shape}] ${bytes.slice(start, end).toHex()}`] as const;
  });
}

/** The weights as they are written in the model's own form. */
function written({ params, config, form }: LoadedModel): Promise<Uint8Array> {
  return new Response(ReadableStream.from(Array.from(safetensorsChunks(fileTensors(params, config, form)), (chunk) => {
    return Uint8Array.from(chunk);
  }))).bytes();
}

for (const name of [...MODELS, "gpt2/hub-style.safetensors"]) {
  shared(`every tensor of ${name} is read and written again byte for byte`, async () => {
    const files = name.endsWith(".safetensors")
      ? [name]
      : [...Deno.readDirSync(FOLDER + name)].filter((f) => /safetensors$/.test(f.name) && /^model/.test(f.name))
        .map((file) => `${name}/${file.name}`);
    const theirs = new Map(files.flatMap((file) => tensorsOf(Deno.readFileSync(FOLDER + file))));
    for (const tensor of theirs.keys()) if (/^h\.\d+\.attn\.bias$/.test(tensor)) theirs.delete(tensor); // masks
    assertEquals(new Map(tensorsOf(await written(await load(name)))), theirs);
  });
}

shared("both spellings of every config.json mean the same", async () => {
  for (const name of MODELS) {
    const read = async (file: string): Promise<unknown> =>
      decoderConfig(JSON.parse(await Deno.readTextFile(`${FOLDER}${name}/${file}`)));
    const own = await read("config.json");
    assert((own as { _tag: string })._tag === "Right", JSON.stringify(own));
    if (/-(bf16|f16|sharded)$/.test(name)) continue; // has no other spelling
    assertEquals(await read("config.hub-style.json"), own, name);
  }
});

shared("shards, and names without a prefix, give the numbers of the single file", async () => {
  for (const [one, other] of [["llama", "llama-sharded"], ["gpt2", "gpt2/hub-style.safetensors"]] as const) {
    const numbers = ({ params }: LoadedModel): unknown =>
      leaves(params).map(([path, t]) => [path, t.shape, [...t.data]]);
    assertEquals(numbers(await load(other)), numbers(await load(one)), other);
  }
});

shared("numbers of 16 bits are those of 32, rounded", async () => {
  const exact = leaves((await load("llama")).params);
  for (const half of ["bf16", "f16"] as const) {
    const rounded = new Map(leaves((await load(`llama-${half}`)).params));
    for (const [path, { data }] of exact) {
      const bits = new Uint16Array(data.length), values = new Float32Array(data.length);
      narrow(half, data.slice(), bits);
      widen(half, bits, values);
      assertEquals(rounded.get(path)!.data.slice(), values, `${half} ${path}`);
    }
  }
});

for (const name of ["llama-bf16", "llama-f16"]) {
  shared(
    `${name} takes half the memory where its matrices are held as they are stored, and the same numbers`,
    async () => {
      const [wide, held] = [await loadModel(FOLDER + name), await loadModel(FOLDER + name, { halves: true })];
      assert(wide._tag === "Right" && held._tag === "Right");
      const vectors = leaves(wide.right.params).filter(([, t]) => t.shape.length === 1);
      const floats = vectors.reduce((sum, [, t]) => sum + t.data.length, 0);
      assertEquals(held.right.bytes, 2 * (held.right.parameters + floats));
      assertEquals(wide.right.bytes, 4 * wide.right.parameters);
      const numbers = (model: LoadedModel) => leaves(model.params).map(([path, t]) => [path, [...t.data]]);
      assertEquals(numbers(held.right), numbers(wide.right));
      assertEquals(await written(held.right), await written(wide.right));
    },
  );
}
