import { assert, assertEquals, assertMatch } from "@std/assert";
import { describeModel, loadModel } from "../../lib/io/load_model.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { llamaConfig, llamaTensors } from "../../lib/model/llama.ts";
import { encodeSafetensors } from "../../lib/model/safetensors.ts";
import type { Failure, Result } from "../../lib/result.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { CONFIG } from "./hub_server.ts";

const states = await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name })));
const may = states.every(({ state }) => state === "granted") && Deno.build.os !== "windows";

const PARAMS = initDecoder(key(1), CONFIG), TENSORS = llamaTensors(PARAMS), NAMES = Object.keys(TENSORS);
type Content = string | Uint8Array<ArrayBuffer>;
type Folder = Readonly<Record<string, Content | { readonly link: string }>>;
const CONFIG_JSON = JSON.stringify(llamaConfig(CONFIG));
const WHOLE: Folder = { "config.json": CONFIG_JSON, "model.safetensors": encodeSafetensors(TENSORS) };

const [A, B] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
const some = (keep: (name: string) => boolean): Uint8Array<ArrayBuffer> =>
  encodeSafetensors(Object.fromEntries(Object.entries(TENSORS).filter(([name]) => keep(name))));
const inA = (name: string): boolean => NAMES.indexOf(name) % 2 === 0;
const MAP = Object.fromEntries(NAMES.map((name) => [name, inA(name) ? A : B]));
const index = (map: unknown): string => JSON.stringify({ metadata: { total_size: 1 }, weight_map: map });
const SHARDED: Folder = {
  "config.json": CONFIG_JSON,
  "model.safetensors.index.json": index(MAP),
  [A]: some(inA),
  [B]: some((name) => !inA(name)),
};

const saidOf = (result: Result<Failure, unknown>): string =>
  result._tag === "Left" ? result.left.sentences.join("\n") : "";

async function inFolder(files: Folder, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === "string") await Deno.writeTextFile(`${path}/${name}`, content);
    else if ("link" in content) await Deno.symlink(content.link, `${path}/${name}`);
    else await Deno.writeFile(`${path}/${name}`, content);
  }
  try {
    await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

function disk(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !may, fn });
}

const numbers = (tree: unknown): unknown => leaves(tree).map(([path, t]) => [path, [...t.data]]);

disk("a folder, its file and its shards give the same model, with the texts that lie beside", async () => {
  const texts = { "tokenizer.json": '{"a":1}', "chat_template.jinja": "{{ x }}", "generation_config.json": "{}" };
  for (const files of [WHOLE, SHARDED]) {
    await inFolder({ ...files, ...texts, "notes.txt": "not asked for" }, async (path) => {
      const places = files === WHOLE ? [path, `${path}/`, `${path}/model.safetensors`] : [path];
      for (const place of places) {
        const model = await loadModel(place);
        assert(model._tag === "Right", saidOf(model));
        assertEquals(numbers(model.right.params), numbers(PARAMS));
        assertEquals(model.right.config, CONFIG);
        assertEquals(model.right.texts, texts);
        assertEquals(model.right.form.source, path.slice(path.lastIndexOf("/") + 1));
        assertEquals(model.right.form.generation, "{}");
      }
    });
  }
});

disk("describeModel() says what a model takes, from its headers and before anything is allocated", async () => {
  await inFolder({ ...WHOLE, "model.safetensors": encodeSafetensors(TENSORS, "bf16") }, async (path) => {
    const before = memoryUse().bytes, described = await describeModel(path);
    assert(described._tag === "Right", saidOf(described));
    const { parameters, stored, bytes, form } = described.right;
    assertEquals(memoryUse().bytes, before);
    const count = 11 * 8 + 8 + (8 * 8 + 4 * 8 * 2 + 8 * 8) + 8 + 3 * 12 * 8 + 8; // embedding, norms, attention, MLP
    assertEquals([parameters, stored, bytes], [count, { BF16: 2 * count }, 4 * count]);
    assertEquals(new Set(Object.values(form.dtypes)), new Set(["bf16"]));
  });
});

disk("a model beyond the memory is refused before anything is allocated", async () => {
  const config = { ...llamaConfig(CONFIG), vocab_size: 2_000_000_000 };
  // The header of a sparse file: the embedding alone has 64 GB, and the disk holds none of them.
  const shapes = NAMES.map((name) =>
    [name, name.includes("embed") ? [2_000_000_000, 8] : TENSORS[name]!.shape] as const
  );
  let end = 0;
  const entries = shapes.map(([name, shape]) => {
    const start = end;
    end += 4 * shape.reduce((n, d) => n * d, 1);
    return [name, { dtype: "F32", shape, data_offsets: [start, end] }];
  });
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  await inFolder({ "config.json": JSON.stringify(config) }, async (path) => {
    using file = await Deno.open(`${path}/model.safetensors`, { write: true, create: true });
    await file.write(new Uint8Array(BigUint64Array.of(BigInt(header.length)).buffer));
    await file.write(header);
    await file.truncate(8 + header.length + end);
    assertMatch(
      saidOf(await loadModel(path)),
      /as its 16000000\d+ weights take 64\.00 GB of memory: of \d\.\d\d GB that can be addressed \d\.\d\d GB are in use$/,
    );
  });
});

/** A folder, and the sentence that refuses it, from `Cannot …` on; `~` stands for its path. */
const REFUSED: Readonly<Record<string, readonly [Folder, string]>> = {
  "no config": [
    { "model.safetensors": WHOLE["model.safetensors"]! },
    "Cannot read ~/config.json as there is no such file",
  ],
  "an adapter": [
    { "adapter_config.json": "{}" },
    "Cannot load ~ as it must be a whole model: it is an adapter, which goes with the model that it was trained on",
  ],
  "a reward model": [
    {
      ...WHOLE,
      "config.json": JSON.stringify({ ...llamaConfig(CONFIG), architectures: ["LlamaForSequenceClassification"] }),
    },
    "Cannot load ~ as it must be a language model: its config.json says LlamaForSequenceClassification",
  ],
  "a config that is no JSON": [
    { ...WHOLE, "config.json": "{" },
    "Cannot read ~/config.json as it must be JSON: it does not parse",
  ],
  "a tokenizer that is no JSON": [
    { ...WHOLE, "tokenizer.json": "[1," },
    "Cannot read ~/tokenizer.json as it must be JSON: it does not parse",
  ],
  "a config of another architecture": [
    { ...WHOLE, "config.json": '{"model_type":"lama"}' },
    "Cannot use ~/config.json as model_type must be gpt2, llama, mistral, qwen2, qwen3, smollm3, phi3, gemma2, olmo2 or " +
    "gemma3_text: it is lama, did you mean llama?",
  ],
  "no weights": [
    { "config.json": CONFIG_JSON, "pytorch_model.bin": "x" },
    "Cannot load ~ as it must have model.safetensors or model.safetensors.index.json: it has pytorch_model.bin",
  ],
  "weights that are cut off": [
    { ...WHOLE, "model.safetensors": (WHOLE["model.safetensors"] as Uint8Array<ArrayBuffer>).slice(0, -1) },
    "Cannot read ~/model.safetensors as it must hold all numbers of its tensors: model.norm.weight, [8], would end at byte " +
    "END; the file is cut off or damaged",
  ],
  "weights that are NaN": [
    { ...WHOLE, "model.safetensors": encodeSafetensors({ ...TENSORS, "model.norm.weight": nan() }) },
    "Cannot load ~ as its weights must be finite: model.norm.weight holds NaN",
  ],
  "a shard that is cut off": [
    { ...SHARDED, [B]: (SHARDED[B] as Uint8Array<ArrayBuffer>).slice(0, 100) },
    `Cannot read ~/${B} as it must hold its whole header of BYTES bytes: the file has 100 and is cut off or damaged`,
  ],
  "a shard that is not there": [
    Object.fromEntries(Object.entries(SHARDED).filter(([name]) => name !== B)),
    `Cannot read ~/${B} as there is no such file`,
  ],
  "an index of files above": [
    { ...SHARDED, "model.safetensors.index.json": index({ ...MAP, [NAMES[0]!]: "../x.safetensors" }) },
    "Cannot read ~/model.safetensors.index.json as it must name safetensors files in its own folder: " +
    'model.embed_tokens.weight is in "../x.safetensors"',
  ],
  "an index of absolute paths": [
    { ...SHARDED, "model.safetensors.index.json": index({ a: "/etc/x.safetensors" }) },
    "Cannot read ~/model.safetensors.index.json as it must name safetensors files in its own folder: a is in " +
    '"/etc/x.safetensors"',
  ],
  "an index of numbers": [
    { ...SHARDED, "model.safetensors.index.json": index({ a: 1 }) },
    "Cannot read ~/model.safetensors.index.json as it must name safetensors files in its own folder: a is in number",
  ],
  "an index of nothing": [
    { ...SHARDED, "model.safetensors.index.json": "{}" },
    "Cannot read ~/model.safetensors.index.json as its weight_map must be a record from tensors to files",
  ],
  "an empty index": [
    { ...SHARDED, "model.safetensors.index.json": index({}) },
    "Cannot read ~/model.safetensors.index.json as it must name files: it names none",
  ],
  "a shard that is a link out of the folder": [
    { ...SHARDED, [B]: { link: "/etc/hostname" } },
    `Cannot read ~/${B} as it must be in its own folder: it is a link that leads out of it`,
  ],
  "a shard that is a device": [{ ...SHARDED, [B]: { link: "/dev/zero" } }, `Cannot read ~/${B} as it must be a file`],
  "an index that lacks a tensor": [
    { ...SHARDED, "model.safetensors.index.json": index(Object.fromEntries(Object.entries(MAP).slice(1))) },
    `Cannot read ~/${A} as each tensor must be where model.safetensors.index.json has it: model.embed_tokens.weight is in ` +
    "this one too",
  ],
  "an index that names a tensor too many": [
    { ...SHARDED, "model.safetensors.index.json": index({ ...MAP, other: A }) },
    `Cannot read ~/${A} as it must have what model.safetensors.index.json names: other is not there`,
  ],
  "two shards with the same tensor": [
    { ...SHARDED, [B]: encodeSafetensors(TENSORS) },
    `Cannot read ~/${B} as each tensor must be in one file only: model.embed_tokens.weight is in this one too`,
  ],
};

function nan(): Tensor {
  return tensor([8], new Float32Array(8).fill(NaN, 3));
}

for (const [what, [files, sentence]] of Object.entries(REFUSED)) {
  disk(`a folder is refused for ${what}`, () =>
    inFolder(files, async (path) => {
      const said = saidOf(await loadModel(path)).replaceAll(path, "~");
      assertEquals(said.replace(/byte \d+ of \d+/, "byte END").replace(/header of \d+/, "header of BYTES"), sentence);
    }));
}

disk("a shard cannot be loaded alone, nor another kind of file, nor what is not there", async () => {
  await inFolder(SHARDED, async (path) => {
    for (const name of [A, "config.json"]) {
      assertMatch(
        saidOf(await loadModel(`${path}/${name}`)),
        /as it must be a folder, or a safetensors file that is no shard/,
      );
    }
    assertMatch(saidOf(await loadModel(`${path}/nothing`)), /^Cannot load .* as there is no such folder or file$/);
  });
});

disk("links within a hub's cache are followed", () =>
  inFolder({}, async (path) => {
    await Deno.mkdir(`${path}/blobs`);
    await Deno.mkdir(`${path}/snapshots/abc`, { recursive: true });
    for (const [name, content] of Object.entries(SHARDED)) {
      await Deno.writeFile(
        `${path}/blobs/${name}`,
        typeof content === "string" ? new TextEncoder().encode(content) : content as Uint8Array<ArrayBuffer>,
      );
      await Deno.symlink(`../../blobs/${name}`, `${path}/snapshots/abc/${name}`);
    }
    const model = await loadModel(`${path}/snapshots/abc`);
    assert(model._tag === "Right", saidOf(model));
  }));

Deno.test({
  name: "loadModel() without permission names the flag, and asks for nothing",
  ignore: states[0]!.state === "granted",
  fn: async () =>
    assertEquals(
      saidOf(await loadModel("./model")),
      "Cannot read ./model as Deno has no permission to: run it again with -R (or --allow-read=./model) before the script",
    ),
});
