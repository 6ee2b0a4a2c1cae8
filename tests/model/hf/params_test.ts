import { assert, assertEquals } from "@std/assert";
import { type DecoderConfig, decoderTree, initDecoder } from "../../../lib/model/decoder.ts";
import { decoderConfig, type ModelType } from "../../../lib/model/hf/decoder_config.ts";
import { placeParams, readParams, type Weights } from "../../../lib/model/hf/read_params.ts";
import { fileTensors } from "../../../lib/model/hf/write_params.ts";
import { encodeSafetensors, safetensorsChunks, type WeightDtype } from "../../../lib/model/safetensors.ts";
import { type Ranges, readHeader } from "../../../lib/model/safetensors_header.ts";
import { key } from "../../../lib/tensor/random.ts";
import { floats, size, type Tensor, tensor } from "../../../lib/tensor/tensor.ts";
import { leaves } from "../../../lib/tensor/tree.ts";

const SMALL = {
  ...{ vocab_size: 11, hidden_size: 8, intermediate_size: 12, num_hidden_layers: 2, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, head_dim: 4, max_position_embeddings: 16 },
};
const GPT2 = { n_embd: 8, n_head: 2, n_layer: 2, n_positions: 16, vocab_size: 11 };

function configOf(modelType: ModelType, more: Readonly<Record<string, unknown>> = {}): DecoderConfig {
  const read = decoderConfig({ model_type: modelType, ...modelType === "gpt2" ? GPT2 : SMALL, ...more });
  assert(read._tag === "Right", read._tag === "Left" ? read.left.join() : "");
  return read.right.config;
}

/** The tensors of a file's bytes. */
function weightsOf(bytes: Uint8Array): Weights {
  const file: Ranges = { bytes: bytes.length, read: (at, out) => out.set(bytes.subarray(at, at + out.length)) };
  const header = readHeader(file);
  assert(header._tag === "Right", header._tag === "Left" ? header.left : "");
  return new Map(Array.from(header.right, ([name, stored]) => [name, { file, stored }]));
}

const bytesOf = (...args: Parameters<typeof fileTensors>): Uint8Array =>
  Uint8Array.from([...safetensorsChunks(fileTensors(...args))].flatMap((piece) => [...piece]));
const numbers = (tree: unknown): unknown => leaves(tree).map(([path, t]) => [path, t.shape, [...t.data]]);
const plain = (modelType: ModelType, prefix: string): Parameters<typeof fileTensors>[2] => ({
  ...{ modelType, prefix, dtypes: {} },
});

const ALL: readonly ModelType[] = [
  ...["gpt2", "llama", "mistral", "qwen2", "qwen3", "smollm3", "phi3", "gemma2", "gemma3_text", "olmo2"] as const,
];

for (const modelType of ALL) {
  Deno.test(`${modelType}: parameters that are written and read are the same, with the prefix of names or without`, () => {
    for (const more of [{}, { tie_word_embeddings: true }, { tie_word_embeddings: false }]) {
      const config = configOf(modelType, more);
      for (const dtype of ["f32", "f64"] as const) {
        const params = initDecoder(key(1), config, dtype);
        for (const prefix of [modelType === "gpt2" ? "transformer." : "model.", ""]) {
          const bytes = bytesOf(params, config, plain(modelType, prefix));
          const weights = weightsOf(bytes), placed = placeParams(weights, modelType, config);
          assert(placed._tag === "Right", placed._tag === "Left" ? placed.left.join("\n") : "");
          assertEquals(placed.right.prefix, prefix);
          const back = readParams(weights, config, placed.right, { dtype });
          assert(back._tag === "Right");
          assertEquals(numbers(back.right), numbers(params));
          assertEquals(bytesOf(back.right, config, { modelType, ...placed.right }), bytes);
        }
      }
    }
  });
}

/** A tensor that counts from a number on. */
const counting = (from: number, ...shape: number[]): Tensor =>
  tensor(shape, Array.from({ length: size(shape) }, (_, i) => from + i));

/** A file of an architecture whose numbers count on through its tensors, each from a hundred of its own. */
function countingFile(modelType: ModelType, more: Readonly<Record<string, unknown>>): [DecoderConfig, Weights] {
  const config = configOf(modelType, more);
  const shapes = weightsOf(bytesOf(initDecoder(key(0), config), config, plain(modelType, "")));
  const tensors = Array.from(shapes.keys()).sort().map((name, i) =>
    [name, counting(100 * i, ...shapes.get(name)!.stored.shape)] as const
  );
  return [config, weightsOf(encodeSafetensors(Object.fromEntries(tensors)))];
}

/** What a parameter is read as. */
function readAs(modelType: ModelType, [config, weights]: [DecoderConfig, Weights], path: string): number[] {
  const placed = placeParams(weights, modelType, config);
  assert(placed._tag === "Right");
  const params = readParams(weights, config, placed.right);
  assert(params._tag === "Right");
  return [...leaves(params.right).find(([name]) => name === path)![1].data];
}

Deno.test("GPT-2's c_attn holds queries, keys and values side by side in the columns of [in, out]", () => {
  // Two rows of six: [[a, a+1, …, a+5], [a+6, …]]; as [out, in] the query's first row is [a, a+6].
  const file = countingFile("gpt2", { n_embd: 2, n_head: 1, n_layer: 1, n_positions: 2, vocab_size: 3 });
  const names = [...file[1].keys()].sort(), base = 100 * names.indexOf("h.0.attn.c_attn.weight");
  assertEquals(names[0], "h.0.attn.c_attn.bias");
  const at = (...offsets: number[]): number[] => offsets.map((i) => base + i);
  assertEquals(readAs("gpt2", file, "layers.0.query"), at(0, 6, 1, 7));
  assertEquals(readAs("gpt2", file, "layers.0.key"), at(2, 8, 3, 9));
  assertEquals(readAs("gpt2", file, "layers.0.value"), at(4, 10, 5, 11));
  assertEquals(readAs("gpt2", file, "layers.0.keyBias"), [2, 3]);
  const up = 100 * names.indexOf("h.0.mlp.c_fc.weight"); // [2, 8]
  assertEquals(readAs("gpt2", file, "layers.0.up").slice(0, 4), [up, up + 8, up + 1, up + 9]);
  const positions = 100 * names.indexOf("wpe.weight"); // not transposed
  assertEquals(readAs("gpt2", file, "positions"), [0, 1, 2, 3].map((i) => positions + i));
});

Deno.test("Phi-3's qkv_proj holds the rows of queries, then keys, then values; gate_up_proj gate, then up", () => {
  const file = countingFile("phi3", {
    ...{ hidden_size: 2, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 2, intermediate_size: 3 },
    ...{ num_hidden_layers: 1, vocab_size: 3 },
  });
  const names = [...file[1].keys()].sort();
  const rows = (name: string, from: number, to: number): number[] => {
    const base = 100 * names.indexOf(`layers.0.${name}.weight`);
    return Array.from({ length: 2 * (to - from) }, (_, i) => base + 2 * from + i);
  };
  assertEquals(readAs("phi3", file, "layers.0.query"), rows("self_attn.qkv_proj", 0, 4));
  assertEquals(readAs("phi3", file, "layers.0.key"), rows("self_attn.qkv_proj", 4, 6));
  assertEquals(readAs("phi3", file, "layers.0.value"), rows("self_attn.qkv_proj", 6, 8));
  assertEquals(readAs("phi3", file, "layers.0.gate"), rows("mlp.gate_up_proj", 0, 3));
  assertEquals(readAs("phi3", file, "layers.0.up"), rows("mlp.gate_up_proj", 3, 6));
});

/** A Llama's tensors, changed. */
function llama(change: (tensors: Record<string, Tensor>) => void): readonly string[] {
  const config = configOf("llama"), params = initDecoder(key(1), config);
  const all = weightsOf(bytesOf(params, config, plain("llama", "model.")));
  const tensors = Object.fromEntries(Array.from(all, ([name, { stored }]) => [name, counting(0, ...stored.shape)]));
  change(tensors);
  const weights = weightsOf(encodeSafetensors(tensors)), placed = placeParams(weights, "llama", config);
  const read = placed._tag === "Left" ? placed : readParams(weights, config, placed.right);
  return read._tag === "Left" ? read.left : [];
}

Deno.test("tensors that are missing, unknown or of another shape are named, all of them", () => {
  assertEquals(llama(() => {}), []);
  assertEquals(
    llama((t) => {
      delete t["model.norm.weight"];
      t["model.layers.0.mlp.up_proj.weight"] = counting(0, 8, 12);
      t["model.layers.0.self_attn.q_proj.bias"] = counting(0, 16);
      t["model.layers.2.mlp.up_proj.weight"] = counting(0, 12, 8);
    }),
    [
      "model.layers.0.mlp.up_proj.weight must be [12, 8] by its config.json: it is [8, 12]",
      "it must have model.norm.weight, [8]",
      "model.layers.0.self_attn.q_proj.bias is no tensor of its config.json's model",
      "model.layers.2.mlp.up_proj.weight is no tensor of its config.json's model",
    ],
  );
  assertEquals(
    llama((t) => Object.keys(t).forEach((name) => delete t[name])).slice(-2),
    ["it must have model.layers.0.down.weight, [8, 12]", "and 11 more tensors do not fit"].map((s) =>
      s.replace("layers.0.down", "layers.0.mlp.down_proj")
    ),
  );
});

Deno.test("weights that are not finite are refused with the tensor's name", () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    assertEquals(
      llama((t) => t["model.layers.1.self_attn.o_proj.weight"] = tensor([8, 16], new Float32Array(128).fill(bad, 99))),
      [`its weights must be finite: model.layers.1.self_attn.o_proj.weight holds ${bad}`],
    );
  }
});

Deno.test("buffers of old files are left out; a second embedding must be the first", () => {
  assertEquals(llama((t) => t["model.layers.0.self_attn.rotary_emb.inv_freq"] = tensor([2], [1, NaN])), []);
  const config = configOf("llama", { tie_word_embeddings: true }), params = initDecoder(key(1), config);
  const embedding = params.embedding as Tensor;
  const tensors = Object.fromEntries(leavesByName(params, config));
  const read = (head: Tensor): unknown => {
    const weights = weightsOf(encodeSafetensors({ ...tensors, "lm_head.weight": head }));
    const placed = placeParams(weights, "llama", config);
    assert(placed._tag === "Right");
    const back = readParams(weights, config, placed.right);
    if (back._tag === "Left") return back.left;
    return fileTensors(back.right, config, { modelType: "llama", ...placed.right }).at(-1)?.[0];
  };
  assertEquals(read(embedding), "lm_head.weight");
  const other = tensor([11, 8], floats(embedding).map((x, i) => i === 5 ? x + 1 : x));
  assertEquals(read(other), [
    "lm_head.weight must equal the embedding, to which its config.json ties it: element 5 does not",
  ]);
});

function leavesByName(
  params: ReturnType<typeof initDecoder>,
  config: DecoderConfig,
): readonly (readonly [string, Tensor])[] {
  return fileTensors(params, config, plain("llama", "model.")).map(([name, { shape, pieces }]) =>
    [name, tensor(shape, Float32Array.from([...pieces()].flatMap((piece) => [...piece])))] as const
  );
}

Deno.test("a stored type is kept where it holds every number, else the parameters' own is written; or the one asked for", () => {
  const config = configOf("llama"), params = initDecoder(key(1), config);
  const round = { ...params, norm: tensor([8], [1, -2.5, 0, 3, 0.0078125, 1, 1, 1]) }; // sums of few powers of two
  const typesOf = (form: Readonly<Record<string, WeightDtype>>, dtype?: WeightDtype): unknown => {
    const all = fileTensors(round, config, { ...plain("llama", "model."), dtypes: form }, dtype);
    return all.filter(([name]) => name in form).map(([name, t]) => `${name} ${t.dtype}`);
  };
  for (const half of ["bf16", "f16"] as const) {
    const form = { "model.embed_tokens.weight": half, "model.norm.weight": half };
    assertEquals(typesOf(form), ["model.embed_tokens.weight f32", `model.norm.weight ${half}`]);
    assertEquals(typesOf(form, "bf16"), ["model.embed_tokens.weight bf16", "model.norm.weight bf16"]);
  }
  assertEquals(typesOf({ "model.norm.weight": "f64" }), ["model.norm.weight f64"]);
});

Deno.test("the tree of parameters is the config's, whatever the file's order", () => {
  const [config, weights] = countingFile("gemma3_text", {});
  const placed = placeParams(new Map([...weights].reverse()), "gemma3_text", config);
  assert(placed._tag === "Right");
  const params = readParams(weights, config, placed.right);
  assert(params._tag === "Right");
  const paths: string[] = [];
  decoderTree(config, (path) => (paths.push(path), undefined as unknown as Tensor));
  assertEquals(leaves(params.right).map(([path]) => path), paths);
});
