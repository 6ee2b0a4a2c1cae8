/** The decoder's parameters as the tensors of a file: what `readParams` undoes. */
import type { Floats } from "../../kernels/kernels.ts";
import { floats, type HalfTensor, isHalf, type Tensor } from "../../tensor/tensor.ts";
import { leaves } from "../../tensor/tree.ts";
import type { DecoderConfig, DecoderParams } from "../decoder.ts";
import type { WeightDtype, Writing } from "../safetensors.ts";
import type { ModelForm } from "./form.ts";
import { type FileTensor, HEAD, layoutOf } from "./layout.ts";

/**
 * The tensors of a file of this form, in order, to be written piece by piece. An element type that the form has for a
 * tensor is kept where it holds all its numbers exactly, as it does for those that training left alone; else it is that
 * of the parameters: rounding to 16 bits would undo most of what small steps have changed.
 *
 * @param dtype of all of them instead, rounded to nearest
 */
export function fileTensors(
  params: DecoderParams,
  config: DecoderConfig,
  form: Pick<ModelForm, "modelType" | "prefix" | "dtypes">,
  dtype?: WeightDtype,
): readonly (readonly [name: string, tensor: Writing])[] {
  const tensors = new Map(leaves(params));
  const layout = layoutOf(form.modelType, config, form.prefix).map((tensor) => [tensor.name, tensor] as const);
  const embedding = layout[0] as readonly [string, FileTensor];
  const again = config.tiedEmbeddings && Object.hasOwn(form.dtypes, HEAD) ? [[HEAD, embedding[1]] as const] : [];
  return [...layout, ...again].map(([name, { parts, transposed }]) => {
    const all = parts.map(({ path }) => tensors.get(path) as Tensor | HalfTensor),
      [first] = all as [Tensor, ...Tensor[]];
    const rows = all.reduce((sum, { shape }) => sum + (shape[0] as number), 0);
    const shape = [rows, ...first.shape.slice(1)]; // a position table may be longer than the context in use
    const stored = Object.hasOwn(form.dtypes, name) ? form.dtypes[name] : undefined;
    const kept = stored !== undefined && all.every((part) => part.dtype === stored || isExact(stored, wide(part)));
    return [name, {
      shape: transposed ? shape.toReversed() : shape,
      dtype: dtype ?? (kept ? stored : (all.find((part) => !isHalf(part)) ?? first).dtype),
      pieces: () => transposed ? transposedPieces(all) : piecesOf(all),
    }];
  });
}

/** The numbers of a tensor; those of one of 16 bits are widened. */
function wide(t: Tensor | HalfTensor): Floats {
  return isHalf(t) ? t.data as Float32Array : floats(t);
}

/** The numbers of tensors, widened one at a time. */
function* piecesOf(parts: readonly (Tensor | HalfTensor)[]): Generator<Floats> {
  for (const part of parts) yield wide(part);
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
function* transposedPieces(parts: readonly (Tensor | HalfTensor)[]): Generator<Floats> {
  const columns = parts[0]?.shape[1] as number;
  const width = parts.reduce((sum, { shape: [rows = 0] }) => sum + rows, 0);
  const most = Math.max(1, Math.floor(PIECE / width));
  const numbers = parts.map(wide);
  for (let column = 0; column < columns; column += most) {
    const count = Math.min(most, columns - column);
    const piece = parts[0]?.dtype === "f64" ? new Float64Array(count * width) : new Float32Array(count * width);
    let row = 0;
    for (const [i, { shape: [rows = 0] }] of parts.entries()) {
      const values = numbers[i] as Floats;
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < count; c++) piece[c * width + row + r] = values[r * columns + column + c] as number;
      }
      row += rows;
    }
    yield piece;
  }
}
