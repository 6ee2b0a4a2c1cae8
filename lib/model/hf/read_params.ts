/** The decoder's parameters from tensors in files, one at a time, straight into tensor memory. */
import { narrow } from "../../kernels/half.ts";
import type { Floats } from "../../kernels/kernels.ts";
import { left, type Result, right } from "../../result.ts";
import { build, buildHalf, type Dtype, type HalfTensor, showShape, size, type Tensor } from "../../tensor/tensor.ts";
import { type DecoderConfig, type DecoderParams, decoderTree } from "../decoder.ts";
import { notWeights, readElements, type WeightDtype, weightDtype } from "../safetensors.ts";
import type { Ranges, StoredTensor } from "../safetensors_header.ts";
import { showName } from "../safetensors_text.ts";
import { type FileTensor, HEAD, isBuffer, layoutOf, type Part, prefixOf, tensorName } from "./layout.ts";
import type { ModelType } from "./decoder_config.ts";

/** A tensor in one of a model's files. */
export interface Located {
  readonly file: Ranges;
  readonly stored: StoredTensor;
}

/** The tensors of a model's files, by name. */
export type Weights = ReadonlyMap<string, Located>;

/** Which tensor of the files holds which parameters. */
export interface Placement {
  readonly prefix: string;
  readonly layout: readonly FileTensor[];
  readonly dtypes: Readonly<Record<string, WeightDtype>>;
}

const MOST_FAULTS = 10;

/**
 * The parameters' places in the files; or every rule that the files break against the config: tensors that are missing, of
 * another shape or type, or not known. Nothing but headers was read for it.
 */
export function placeParams(
  weights: Weights,
  modelType: ModelType,
  config: DecoderConfig,
): Result<readonly string[], Placement> {
  const prefix = weights.has(tensorName(modelType, "embedding", "")) ? "" : prefixOf(modelType);
  const own = layoutOf(modelType, config, prefix);
  const layout = config.tiedEmbeddings && weights.has(HEAD) ? [...own, tiedHead(config)] : own;
  const faults = layout.flatMap((tensor) => faultsOf(tensor, weights));
  const known = new Set(layout.map(({ name }) => name));
  for (const name of weights.keys()) {
    if (!known.has(name) && !isBuffer(modelType, name)) {
      faults.push(`${showName(name)} is no tensor of its config.json's model`);
    }
  }
  if (faults.length > MOST_FAULTS) {
    return left([...faults.slice(0, MOST_FAULTS), `and ${faults.length - MOST_FAULTS} more tensors do not fit`]);
  }
  if (faults.length > 0) return left(faults);
  const dtypes = layout.map(({ name }) => [name, weightDtype((weights.get(name) as Located).stored) as WeightDtype]);
  return right({ prefix, layout, dtypes: Object.fromEntries(dtypes) });
}

/** The embedding as some files hold it a second time. */
function tiedHead({ vocabSize, hiddenSize }: DecoderConfig): FileTensor {
  const shape = [vocabSize, hiddenSize];
  return { name: HEAD, shape, transposed: false, parts: [{ path: "embedding", shape }] };
}

function faultsOf({ name, shape }: FileTensor, weights: Weights): string[] {
  const found = weights.get(name)?.stored;
  if (found === undefined) return [`it must have ${name}, ${showShape(shape)}`];
  if (weightDtype(found) === undefined) return [notWeights(name, found)];
  return showShape(found.shape) === showShape(shape)
    ? []
    : [`${name} must be ${showShape(shape)} by its config.json: it is ${showShape(found.shape)}`];
}

/** What parameters are in memory. */
export interface ReadParamsOptions {
  /** Their element type, whatever the files'. Default f32. */
  readonly dtype?: Dtype;
  /** Whether matrices that the files hold in 16 bits a number are held so here too: then they cannot be trained. Default false. */
  readonly halves?: boolean;
}

/** Whether a tensor is held in 16 bits a number, as its file has it. */
export function isHeldAsStored(stored: StoredTensor, { halves = false }: ReadParamsOptions): boolean {
  const dtype = weightDtype(stored);
  return halves && stored.shape.length === 2 && (dtype === "bf16" || dtype === "f16");
}

/**
 * Reads the parameters of a placement; or says which tensor holds numbers that are not finite.
 */
export function readParams(
  weights: Weights,
  config: DecoderConfig,
  { layout }: Placement,
  options: ReadParamsOptions = {},
): Result<readonly string[], DecoderParams> {
  const { dtype = "f32" } = options, params = new Map<string, Tensor | HalfTensor>();
  for (const tensor of layout) {
    const { file, stored } = weights.get(tensor.name) as Located;
    let row = 0;
    for (const part of tensor.parts) {
      const placed = { tensor, part, row };
      const read = isHeldAsStored(stored, options)
        ? readHalf(file, stored, placed)
        : build(dtype, part.shape, (out) => readPart(file, stored, placed, out));
      const values = read.data, first = params.get(part.path)?.data;
      for (let i = 0; i < values.length; i++) {
        const value = values[i] as number;
        if (value - value !== 0) return left([`its weights must be finite: ${tensor.name} holds ${value}`]);
        if (first !== undefined && first[i] !== value) {
          return left([`${HEAD} must equal the embedding, to which its config.json ties it: element ${i} does not`]);
        }
      }
      if (first === undefined) params.set(part.path, read);
      row += part.shape[0] as number;
    }
  }
  return right(decoderTree(config, (path) => params.get(path) as Tensor | HalfTensor));
}

/** A part of a tensor, and its first row there. */
interface Placed {
  readonly tensor: FileTensor;
  readonly part: Part;
  readonly row: number;
}

/** Numbers that are transposed at once. */
const PIECE = 1 << 16;

/** A part as its file has it, by way of floats: they hold its numbers exactly. */
function readHalf(file: Ranges, stored: StoredTensor, placed: Placed): HalfTensor {
  const { shape } = placed.part, half = weightDtype(stored) as HalfTensor["dtype"];
  const wide = new Float32Array(size(shape));
  readPart(file, stored, placed, wide);
  return buildHalf(half, shape, (bits) => narrow(half, wide, bits));
}

function readPart(file: Ranges, stored: StoredTensor, { tensor, part, row }: Placed, out: Floats): void {
  const [rows = 1, columns = 1] = part.shape;
  if (!tensor.transposed) return readElements(file, stored, row * size(part.shape.slice(1)), out);
  const width = tensor.shape[1] as number, most = Math.max(1, Math.floor(PIECE / width));
  for (let column = 0; column < columns; column += most) {
    const count = Math.min(most, columns - column);
    const piece = out instanceof Float32Array ? new Float32Array(count * width) : new Float64Array(count * width);
    readElements(file, stored, column * width, piece);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < count; c++) out[r * columns + column + c] = piece[c * width + row + r] as number;
    }
  }
}
