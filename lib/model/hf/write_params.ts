/** The decoder's parameters as the tensors of a file: what `readParams` undoes. */
import type { Floats } from "../../kernels/kernels.ts";
import { scope } from "../../tensor/scope.ts";
import { floats, type HalfTensor, isHalf, isTensor, type Tensor } from "../../tensor/tensor.ts";
import { leaves } from "../../tensor/tree.ts";
import type { DecoderConfig, DecoderParams } from "../decoder.ts";
import { adaptedLayers, withoutAdapter } from "../lora.ts";
import { type AdaptedWeight, mergedWeight } from "../project.ts";
import type { WeightDtype, Writing } from "../safetensors.ts";
import type { ModelForm } from "./form.ts";
import { type FileTensor, HEAD, layoutOf } from "./layout.ts";

/**
 * The tensors of a file of this form, in order, to be written piece by piece. An element type that the form has for a
 * tensor is kept where it holds all its numbers exactly, as it does for those that training left alone; else it is that
 * of the parameters: rounding to 16 bits would undo most of what small steps have changed. An adapter is multiplied in, a
 * matrix at a time.
 *
 * @param dtype of all of them instead, rounded to nearest
 */
export function fileTensors(
  params: DecoderParams,
  config: DecoderConfig,
  form: Pick<ModelForm, "modelType" | "prefix" | "dtypes">,
  dtype?: WeightDtype,
): readonly (readonly [name: string, tensor: Writing])[] {
  const tensors = numbersIn(params);
  const layout = layoutOf(form.modelType, config, form.prefix).map((tensor) => [tensor.name, tensor] as const);
  const embedding = layout[0] as readonly [string, FileTensor];
  const again = config.tiedEmbeddings && Object.hasOwn(form.dtypes, HEAD) ? [[HEAD, embedding[1]] as const] : [];
  return [...layout, ...again].map(([name, { parts, transposed }]) => {
    const all = parts.map(({ path }) => tensors.get(path) as Parameter);
    const [first] = all as [Parameter];
    const rows = all.reduce((sum, { shape }) => sum + (shape[0] as number), 0);
    const shape = [rows, ...first.shape.slice(1)]; // a position table may be longer than the context in use
    const stored = Object.hasOwn(form.dtypes, name) ? form.dtypes[name] : undefined;
    const kept = stored !== undefined && all.every((part) => part.isExact(stored));
    return [name, {
      shape: transposed ? shape.toReversed() : shape,
      dtype: dtype ?? (kept ? stored : widest(all.map(({ dtype }) => dtype))),
      pieces: () => transposed ? transposedPieces(all) : piecesOf(all),
    }];
  });
}

/** A parameter to be written, whose numbers are made when they are asked for. */
interface Parameter {
  readonly shape: readonly number[];
  readonly dtype: WeightDtype;
  readonly numbers: () => Floats;
  readonly isExact: (dtype: WeightDtype) => boolean;
}

/** The parameters of a decoder by their paths, its adapter multiplied in. */
function numbersIn(params: DecoderParams): ReadonlyMap<string, Parameter> {
  const found = new Map(leaves(withoutAdapter(params)).map(([path, t]) => [path, plain(t)]));
  adaptedLayers(params).forEach((layer, i) => {
    for (const [name, weight] of Object.entries(layer)) {
      if (!isTensor(weight)) found.set(`layers.${i}.${name}`, merged(weight as AdaptedWeight));
    }
  });
  return found;
}

function plain(t: Tensor | HalfTensor): Parameter {
  const numbers = (): Floats => isHalf(t) ? t.data as Float32Array : floats(t);
  const { shape, dtype } = t;
  return { shape, dtype, numbers, isExact: (other) => dtype === other || isExact(other, numbers()) };
}

function merged(weight: AdaptedWeight): Parameter {
  const { base: { shape }, change: { a: { dtype } } } = weight;
  return {
    ...{ shape, dtype, isExact: (other) => other === dtype || other === "f64" },
    numbers: () => scope(() => floats(mergedWeight(weight) as Tensor).slice()),
  };
}

/** The element type that holds the numbers of all of these. */
function widest(dtypes: readonly WeightDtype[]): WeightDtype {
  const [first] = dtypes as readonly [WeightDtype],
    own = (["f64", "f32"] as const).find((dtype) => dtypes.includes(dtype));
  return own ?? (dtypes.every((dtype) => dtype === first) ? first : "f32");
}

/** The numbers of parameters, one at a time. */
function* piecesOf(parts: readonly Parameter[]): Generator<Floats> {
  for (const { numbers } of parts) yield numbers();
}

/** Whether an element type holds all of these numbers. */
function isExact(dtype: WeightDtype, values: Floats): boolean {
  if (dtype === "f64") return true;
  if (dtype === "f32") return values instanceof Float32Array || values.every((x) => Math.fround(x) === x);
  if (dtype === "f16") return values.every((x) => Math.f16round(x) === x);
  if (values instanceof Float64Array) return isExact("f32", values) && isExact("bf16", Float32Array.from(values));
  return new Uint32Array(values.buffer, values.byteOffset, values.length).every((word) => (word & 0xffff) === 0);
}

/** Numbers that are transposed at once. */
const PIECE = 1 << 16;

/** Matrices `[out, in]` one below the other as rows of `[in, all outs]`. */
function* transposedPieces(parts: readonly Parameter[]): Generator<Floats> {
  const columns = parts[0]?.shape[1] as number;
  const width = parts.reduce((sum, { shape: [rows = 0] }) => sum + rows, 0);
  const most = Math.max(1, Math.floor(PIECE / width));
  const all = parts.map(({ numbers }) => numbers());
  for (let column = 0; column < columns; column += most) {
    const count = Math.min(most, columns - column);
    const piece = parts[0]?.dtype === "f64" ? new Float64Array(count * width) : new Float32Array(count * width);
    let row = 0;
    for (const [i, { shape: [rows = 0] }] of parts.entries()) {
      const values = all[i] as Floats;
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < count; c++) piece[c * width + row + r] = values[r * columns + column + c] as number;
      }
      row += rows;
    }
    yield piece;
  }
}
