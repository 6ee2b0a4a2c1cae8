/** The decoder's parameters as the tensors of a file: what `readParams` undoes. */
import type { Floats } from "../../kernels/kernels.ts";
import { floats, type Tensor } from "../../tensor/tensor.ts";
import { leaves } from "../../tensor/tree.ts";
import type { DecoderConfig, DecoderParams } from "../decoder.ts";
import type { WeightDtype, Writing } from "../safetensors.ts";
import type { ModelForm } from "./form.ts";
import { type FileTensor, HEAD, layoutOf } from "./layout.ts";

/**
 * The tensors of a file of this form, in order, to be written piece by piece.
 *
 * @param dtype of all of them; default each one's own in the files that the form came from
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
  return [...layout, ...again].map(([name, tensor]) => {
    const parts = tensor.parts.map(({ path }) => tensors.get(path) as Tensor);
    const own = Object.hasOwn(form.dtypes, name) ? form.dtypes[name] : undefined;
    return [name, {
      shape: tensor.shape,
      dtype: dtype ?? own ?? (parts[0] as Tensor).dtype,
      pieces: () => tensor.transposed ? transposed(parts) : parts.map(floats),
    }];
  });
}

/** Numbers that are transposed at once. */
const PIECE = 1 << 16;

/** Matrices `[out, in]` one below the other as rows of `[in, all outs]`. */
function* transposed(parts: readonly Tensor[]): Generator<Floats> {
  const columns = parts[0]?.shape[1] as number;
  const width = parts.reduce((sum, { shape: [rows = 0] }) => sum + rows, 0);
  const most = Math.max(1, Math.floor(PIECE / width));
  for (let column = 0; column < columns; column += most) {
    const count = Math.min(most, columns - column);
    const piece = parts[0]?.dtype === "f64" ? new Float64Array(count * width) : new Float32Array(count * width);
    let row = 0;
    for (const part of parts) {
      const values = floats(part), [rows = 0] = part.shape;
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < count; c++) piece[c * width + row + r] = values[r * columns + column + c] as number;
      }
      row += rows;
    }
    yield piece;
  }
}
