import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type DecoderConfig, headOf, initDecoder, parameterCount } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import { linear } from "../../lib/grad/layers.ts";
import { llamaParams, llamaTensors } from "../../lib/model/llama.ts";
import { decodeSafetensors, encodeSafetensors } from "../../lib/model/safetensors.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { assertNear } from "../oracles.ts";

/** The tensors of a file. */
function read(bytes: Uint8Array, dtype?: "f32" | "f64"): ReadonlyMap<string, Tensor> {
  const decoded = decodeSafetensors(bytes, dtype);
  assert(decoded._tag === "Right");
  return decoded.right;
}

const rule = (bytes: Uint8Array): string => {
  const decoded = decodeSafetensors(bytes);
  return decoded._tag === "Left" ? decoded.left : "";
};

const TINY: DecoderConfig = {
  vocabSize: 20,
  hiddenSize: 8,
  layers: 2,
  contextLength: 16,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 10000 },
  attention: { heads: 2, kvHeads: 1, headDim: 4 },
  mlp: { type: "gatedSilu", size: 12 },
  tiedEmbeddings: false,
};

Deno.test("encodeSafetensors() writes the format to the byte", () => {
  const bytes = encodeSafetensors({ a: tensor([2], [1, -0.5]), b: tensor([1, 1], [0.1], "f64") });
  const header = '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},' +
    '"b":{"dtype":"F64","shape":[1,1],"data_offsets":[8,16]}}';
  const padded = Math.ceil(header.length / 8) * 8;
  assertEquals([...bytes.subarray(0, 8)], [padded % 256, Math.floor(padded / 256), 0, 0, 0, 0, 0, 0]);
  assertEquals(new TextDecoder().decode(bytes.subarray(8, 8 + padded)), header.padEnd(padded));
  assertEquals([...bytes.subarray(8 + padded, 16 + padded)], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf]);
  assertEquals(bytes.length, 24 + padded);
});

Deno.test("decodeSafetensors() gives the tensors back, in their own type or the one asked for", () => {
  const bytes = encodeSafetensors({ a: tensor([2], [1, NaN]), b: tensor([1, 2], [0.1, 2], "f64") });
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  for (const tensors of [read(bytes), read(shifted.subarray(1))]) {
    assertEquals([...tensors].map(([name, t]) => [name, t.dtype, t.shape, [...t.data]]), [
      ["a", "f32", [2], [1, NaN]],
      ["b", "f64", [1, 2], [0.1, 2]],
    ]);
  }
  assertEquals([...read(bytes, "f32").get("b")!.data], [Math.fround(0.1), 2]);
});

Deno.test("a cut file, one of another kind and one of another type are refused, naming the tensor", () => {
  const bytes = encodeSafetensors({ w: tensor([4], [1, 2, 3, 4]) });
  for (let i = 0; i < bytes.length; i++) assert(rule(bytes.subarray(0, i)) !== "", `cut to ${i}`);
  assertEquals(
    rule(bytes.subarray(0, bytes.length - 1)),
    "it must hold all numbers of its tensors: w, [4], would end at byte 112 of 111; the file is cut off or damaged",
  );
  assertEquals(
    rule(new TextEncoder().encode("PK\x03\x04 not weights")),
    "it must be a safetensors file, its header at most 100000000 bytes: its first 8 bytes say 8390045714599856976",
  );
  const header = '{"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}';
  const other = new Uint8Array([
    header.length,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    ...new TextEncoder().encode(header),
    ...new Uint8Array(8),
  ]);
  assertEquals(rule(other), "its weights must be F32, F64, F16 or BF16: w is I64");
});

Deno.test("a decoder comes back from its Llama file, bit for bit, and parameterCount() is the number of its parameters", () => {
  for (const config of [TINY, { ...TINY, tiedEmbeddings: true }]) {
    const params = initDecoder(key(1), config);
    const tensors = read(encodeSafetensors(llamaTensors(params)));
    const back = llamaParams(tensors, config);
    assert(back._tag === "Right");
    assertEquals(
      leaves(back.right).map(([path, t]) => [path, [...t.data]]),
      leaves(params).map(([path, t]) => [path, [...t.data]]),
    );
    assertEquals([...tensors.values()].reduce((n, t) => n + t.data.length, 0), parameterCount(config));
  }
  const short = read(encodeSafetensors(llamaTensors(initDecoder(key(1), { ...TINY, layers: 1 }))));
  const refused = llamaParams(short, { ...TINY, vocabSize: 21 });
  assert(refused._tag === "Left");
  assertStringIncludes(refused.left, "model.embed_tokens.weight must be [21, 8]: it is [20, 8]");
  assertStringIncludes(refused.left, "it must have model.layers.1.mlp.down_proj.weight");
});

const LLAMA = new URL("../../../shared/reference/hf/llama/", import.meta.url);
const readable = (await Deno.permissions.query({ name: "read", path: LLAMA })).state === "granted";
const weights = readable ? await Deno.readFile(new URL("model.safetensors", LLAMA)).catch(() => undefined) : undefined;

Deno.test({
  name: "a file that transformers wrote gives transformers' logits",
  ignore: weights === undefined,
  fn: async () => {
    const { sequences } = JSON.parse(await Deno.readTextFile(new URL("expected.json", LLAMA)));
    const config = { ...TINY, vocabSize: 128, hiddenSize: 48, contextLength: 256 };
    const whole: DecoderConfig = {
      ...config,
      attention: { heads: 4, kvHeads: 2, headDim: 12 },
      mlp: { type: "gatedSilu", size: 80 },
    };
    const params = llamaParams(read(weights!, "f64"), whole);
    assert(params._tag === "Right");
    const [{ ids, logits }] = sequences;
    const batch = pack([{ prompt: Int32Array.from(ids), completions: [] }]);
    assertNear(linear(hiddenStates(params.right, whole, batch), headOf(params.right)).data, logits.flat(), {
      rtol: 0,
      atol: 1e-10,
    });
  },
});
