/** Models whose matrices stay in 16 bits a number on the way from a file, through memory, into a file. */
import { assert, assertEquals } from "@std/assert";
import { type DecoderConfig, type DecoderParams, initDecoder } from "../../lib/model/decoder.ts";
import { heldIn } from "../../lib/model/held_in.ts";
import type { ModelType } from "../../lib/model/hf/decoder_config.ts";
import { layoutOf, prefixOf } from "../../lib/model/hf/layout.ts";
import { placeParams, readParams, type ReadParamsOptions } from "../../lib/model/hf/read_params.ts";
import { fileTensors } from "../../lib/model/hf/write_params.ts";
import { safetensorsChunks } from "../../lib/model/safetensors.ts";
import { readHeader } from "../../lib/model/safetensors_header.ts";
import { initAdapter, mergeAdapter, withAdapter } from "../../lib/model/lora.ts";
import { key, normal } from "../../lib/tensor/random.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { leaves, treeMap } from "../../lib/tensor/tree.ts";
import { config as tiny } from "../stages/tiny.ts";

const gpt2: DecoderConfig = {
  ...tiny,
  norm: { type: "layer", eps: 1e-5 },
  positions: { type: "learned" },
  attention: { heads: 2, kvHeads: 2, headDim: 4, bias: "all" },
  mlp: { type: "gelu", approximate: "tanh", size: 12, bias: true },
};

const models: readonly (readonly [ModelType, DecoderConfig])[] = [["llama", tiny], ["phi3", tiny], ["gpt2", gpt2]];

function bytesOf(params: DecoderParams, modelType: ModelType, config: DecoderConfig): Uint8Array {
  const form = { modelType, prefix: prefixOf(modelType), dtypes: {} };
  const chunks = [...safetensorsChunks(fileTensors(params, config, form))];
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

function paramsIn(
  bytes: Uint8Array,
  [modelType, config]: readonly [ModelType, DecoderConfig],
  options: ReadParamsOptions,
): DecoderParams {
  const file = {
    bytes: bytes.length,
    read: (at: number, out: Uint8Array) => out.set(bytes.subarray(at, at + out.length)),
  };
  const header = readHeader(file);
  assert(header._tag === "Right");
  const weights = new Map(header.right.entries().map(([name, stored]) => [name, { file, stored }]));
  const placement = placeParams(weights, modelType, config);
  assert(placement._tag === "Right");
  const params = readParams(weights, config, placement.right, options);
  assert(params._tag === "Right");
  return params.right;
}

const numbers = (params: DecoderParams) => leaves(params).map(([path, t]) => [path, [...t.data]]);

for (const [modelType, config] of models) {
  for (const half of ["bf16", "f16"] as const) {
    Deno.test(`a ${modelType} in ${half} is held as its file has it, and written again byte for byte`, () => {
      const held = heldIn(initDecoder(key(3), config), half), bytes = bytesOf(held, modelType, config);
      const read = paramsIn(bytes, [modelType, config], { halves: true });
      assertEquals(leaves(read).map(([, t]) => t.dtype), leaves(held).map(([, t]) => t.dtype));
      assertEquals(numbers(read), numbers(held));
      assertEquals(bytesOf(read, modelType, config), bytes);
      const wide = paramsIn(bytes, [modelType, config], {});
      assertEquals(numbers(wide), numbers(held));
      assert(leaves(wide).every(([, t]) => t.dtype === "f32"));
    });
  }
}

for (const [modelType, config] of models) {
  Deno.test(`a ${modelType} in bf16 with an adapter is written merged: f32 where something was added, bf16 elsewhere`, () => {
    const base = heldIn(initDecoder(key(3), config), "bf16");
    const fresh = initAdapter(key(0), base, { rank: 2, targets: ["output", "down"] });
    const adapter = treeMap((t: Tensor) => tensor(t.shape, normal(key(5), t.data.length).map((x) => 0.1 * x)), fresh);
    const params = withAdapter(base, adapter), prefix = prefixOf(modelType);
    const dtypes = Object.fromEntries(
      layoutOf(modelType, config).map(({ name, shape }) => (
        [name, shape.length === 2 ? "bf16" : "f32"] as const
      )),
    );
    const written = fileTensors(params, config, { modelType, prefix, dtypes });
    const wide = written.filter(([name, { dtype }]) => dtypes[name] === "bf16" && dtype === "f32").map(([name]) =>
      name
    );
    const changed = layoutOf(modelType, config).filter(({ parts }) =>
      parts.some(({ path }) => /output$|down$/.test(path))
    );
    assertEquals(wide, changed.map(({ name }) => name));
    const bytes = Uint8Array.from([...safetensorsChunks(written)].flatMap((chunk) => [...chunk]));
    assertEquals(numbers(paramsIn(bytes, [modelType, config], {})), numbers(mergeAdapter(params)));
  });
}
