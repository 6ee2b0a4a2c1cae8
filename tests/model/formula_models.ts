/** Tiny models of every architecture whose weights are a formula (`architectures_golden.py`), and their figures. */
import { assert } from "@std/assert";
import { decoderConfig } from "../../lib/model/hf/decoder_config.ts";
import { layoutOf } from "../../lib/model/hf/layout.ts";
import { placeParams, readParams } from "../../lib/model/hf/read_params.ts";
import { encodeSafetensors } from "../../lib/model/safetensors.ts";
import { type Ranges, readHeader } from "../../lib/model/safetensors_header.ts";
import type { Result } from "../../lib/result.ts";
import { type Dtype, size, tensor } from "../../lib/tensor/tensor.ts";
import golden from "./architectures_golden.json" with { type: "json" };
import type { Figures, FileModel } from "./figures.ts";

/** The content of a model's `config.json`, and its figures. */
export const formulaModels = golden as unknown as Readonly<
  Record<keyof typeof golden, Figures & { readonly config: { readonly model_type: string } }>
>;

/** Names of the models. */
export type FormulaModel = keyof typeof golden;

/** The value; fails with what is there instead. */
export function rightOf<A>(result: Result<unknown, A>): A {
  assert(result._tag === "Right", JSON.stringify(result));
  return result.right;
}

/** The numbers of the tensor that is `number`th by name: the formula of `architectures_golden.py`. */
function weights(count: number, number: number, { middle, width }: { middle: number; width: number }): number[] {
  return Array.from({ length: count }, (_, i) => {
    const u = (i * i * 31 + i * 7919 + number * 104729 + 17) % 65521;
    return middle + width * (u / 65521 - 0.5);
  });
}

/** The model of that name, by way of the bytes of a file. */
export function formulaModel(name: FormulaModel, dtype: Dtype): FileModel {
  const { modelType, config } = rightOf(decoderConfig(formulaModels[name].config));
  const tensors = layoutOf(modelType, config).toSorted((a, b) => a.name < b.name ? -1 : 1).map(({ name, shape }, i) => {
    const vector = shape.length === 1, bias = name.endsWith(".bias");
    const middle = vector && !bias && !modelType.startsWith("gemma") ? 1 : 0;
    return [name, tensor(shape, weights(size(shape), i, { middle, width: vector ? 0.8 : 1.6 }), "f64")] as const;
  });
  const bytes = encodeSafetensors(Object.fromEntries(tensors));
  const file: Ranges = { bytes: bytes.length, read: (at, out) => out.set(bytes.subarray(at, at + out.length)) };
  const located = rightOf(readHeader(file)).entries().map(([name, stored]) => [name, { file, stored }] as const);
  const found = new Map(located), placement = rightOf(placeParams(found, modelType, config));
  const params = rightOf(readParams(found, config, placement, { dtype }));
  return { params, config, form: { modelType, prefix: placement.prefix, dtypes: placement.dtypes } };
}
