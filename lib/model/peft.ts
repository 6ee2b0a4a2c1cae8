/**
 * Adapters in PEFT's format: A and B of each module under the names of a model's file. A module whose matrix holds several
 * of ours (fused projections) has one A for them all.
 */
import { left, type Result, right } from "../result.ts";
import { floats, showShape, type Tensor, tensor } from "../tensor/tensor.ts";
import { type Adapter, type LayerAdapter, type Projection, PROJECTIONS, scaleOf } from "./lora.ts";
import { type PeftConfig, type PeftModule, readPeftConfig, writePeftConfig } from "./peft_config.ts";
import type { WeightChange } from "./project.ts";

/** A matrix of a model's file: the parameters whose rows it holds one below the other, `[out, in]` each. */
export interface FileMatrix {
  readonly name: string;
  /** Whether the file has it as `[in, out]`. */
  readonly transposed: boolean;
  readonly parts: readonly { readonly path: string; readonly shape: readonly number[] }[];
}

/** An adapter as the two files of its folder. */
export interface PeftFiles {
  /** Of `adapter_config.json`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Of `adapter_model.safetensors`. */
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** Which matrix of which layer. */
interface Place {
  readonly layer: number;
  readonly projection: Projection;
  readonly rows: number;
  readonly columns: number;
}

/** A module that an adapter can change. */
interface Module {
  readonly name: string;
  readonly transposed: boolean;
  readonly places: readonly Place[];
}

/** Names of tensors of a module. */
const keysOf = ({ name }: Module): Readonly<Record<"a" | "b" | "magnitude", string>> => {
  const prefix = `base_model.model.${name}.lora_`;
  return { a: `${prefix}A.weight`, b: `${prefix}B.weight`, magnitude: `${prefix}magnitude_vector` };
};

/** The modules of a model's file whose matrices are projections of layers. */
function modulesOf(layout: readonly FileMatrix[]): readonly Module[] {
  return layout.flatMap(({ name, transposed, parts }): readonly Module[] => {
    const places = parts.flatMap(({ path, shape }): readonly Place[] => {
      const [, layer, projection] = /^layers\.(\d+)\.(\w+)$/.exec(path) ?? [];
      if (!PROJECTIONS.includes(projection as Projection)) return [];
      const [rows, columns] = shape as [number, number];
      return [{ layer: Number(layer), projection: projection as Projection, rows, columns }];
    });
    return places.length > 0 ? [{ name: name.replace(/\.weight$/, ""), transposed, places }] : [];
  });
}

const sumOf = (places: readonly Place[]): number => places.reduce((sum, { rows }) => sum + rows, 0);

/** Rows `first … first + count − 1` of a matrix, or elements of a vector. */
function rowsOf(t: Tensor, first: number, count: number): Tensor {
  const [, ...inner] = t.shape, width = inner.reduce((a, b) => a * b, 1);
  return tensor([count, ...inner], floats(t).subarray(first * width, (first + count) * width), t.dtype);
}

/** Tensors one below the other. */
function stacked(parts: readonly Tensor[]): Tensor {
  const [first] = parts as readonly [Tensor, ...Tensor[]];
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] as number), 0);
  return tensor([rows, ...first.shape.slice(1)], parts.flatMap((t) => [...floats(t)]), first.dtype);
}

/**
 * The adapter in the files of a PEFT folder, or every rule that they break.
 *
 * @param layout the matrices of the model's file, in the names of which the adapter's are
 * @param json the parsed `adapter_config.json`
 * @param tensors those of `adapter_model.safetensors`
 */
export function readPeft(
  layout: readonly FileMatrix[],
  json: unknown,
  tensors: ReadonlyMap<string, Tensor>,
): Result<readonly string[], Adapter> {
  const config = readPeftConfig(json);
  if (config._tag === "Left") return left(config.left.map((rule) => `adapter_config.json: ${rule}`));
  const modules = modulesOf(layout);
  const changed = modules.filter((module) => tensors.has(keysOf(module).a) || tensors.has(keysOf(module).b));
  const known = new Set(changed.flatMap((module) => Object.values(keysOf(module))));
  const faults = [
    ...[...tensors.keys()].filter((name) => !known.has(name)).map((name) =>
      `${name} is no tensor of an adapter for a projection of the model's layers`
    ),
    ...changed.flatMap((module) => faultsOf(module, config.right, tensors)),
    ...tensors.size === 0 ? ["it must change at least one matrix"] : [],
  ];
  if (faults.length > 0) return left(faults.slice(0, 10));
  const changes = changed.flatMap((module) => changesOf(module, config.right, tensors));
  const layers = 1 + Math.max(...modules.flatMap(({ places }) => places.map(({ layer }) => layer)));
  const ofLayer = (i: number): LayerAdapter =>
    Object.fromEntries(changes.flatMap(([{ layer, projection }, change]) => layer === i ? [[projection, change]] : []));
  return right({
    layers: Array.from({ length: layers }, (_, i) => ofLayer(i)),
    ...config.right.rsLora && { rsLora: true },
  });
}

function faultsOf(
  module: Module,
  { rankOf, dora }: PeftConfig,
  tensors: ReadonlyMap<string, Tensor>,
): readonly string[] {
  const rank = rankOf(module.name), rows = sumOf(module.places), columns = module.places[0]?.columns as number;
  const wanted = { a: [rank, columns], b: [rows, rank], ...dora && { magnitude: [rows] } };
  return Object.entries(keysOf(module)).flatMap(([part, name]) => {
    const shape = wanted[part as keyof typeof wanted], found = tensors.get(name);
    if (shape === undefined) return found === undefined ? [] : [`${name} must not be there without use_dora`];
    if (found === undefined) return [`it must have ${name}, ${showShape(shape)}`];
    if (!floats(found).every(Number.isFinite)) return [`its weights must be finite: ${name} holds others`];
    const fits = showShape(found.shape) === showShape(shape);
    return fits ? [] : [`${name} must be ${showShape(shape)}: it is ${showShape(found.shape)}`];
  });
}

/** The changes of a module's matrices: each has the module's A, and its own rows of B and of the magnitudes. */
function changesOf(
  module: Module,
  { rankOf, alphaOf, rsLora }: PeftConfig,
  tensors: ReadonlyMap<string, Tensor>,
): readonly (readonly [Place, WeightChange])[] {
  const keys = keysOf(module), [a, b] = [keys.a, keys.b].map((name) => tensors.get(name)) as [Tensor, Tensor];
  const magnitude = tensors.get(keys.magnitude);
  const scale = scaleOf(alphaOf(module.name), rankOf(module.name), rsLora);
  let first = 0;
  return module.places.map((place) => {
    const own = (t: Tensor): Tensor => rowsOf(t, first, place.rows);
    const change = { a, b: own(b), scale, ...magnitude !== undefined && { magnitude: own(magnitude) } };
    first += place.rows;
    return [place, change];
  });
}

/** Whether two tensors hold the same numbers. */
function same(x: Tensor, y: Tensor): boolean {
  const [xs, ys] = [floats(x), floats(y)];
  return xs === ys || xs.length === ys.length && xs.every((value, i) => value === ys[i]);
}

/** The A and B of a module: those of its one matrix, or of several A's one above the other, with B's blocks beside. */
function joined(module: Module, changes: readonly (WeightChange | undefined)[]): WeightChange {
  const present = changes.filter((change) => change !== undefined);
  const [{ scale, a }] = present as [WeightChange];
  if (present.length === changes.length && present.every((c) => c.scale === scale && same(c.a, a))) {
    const magnitudes = present.flatMap(({ magnitude }) => magnitude ?? []);
    const magnitude = magnitudes.length > 0 && { magnitude: stacked(magnitudes) };
    return changes.length === 1
      ? present[0] as WeightChange
      : { a, scale, b: stacked(present.map(({ b }) => b)), ...magnitude };
  }
  if (present.some(({ magnitude }) => magnitude !== undefined)) {
    throw new TypeError(
      `Cannot write the adapter as DoRA on ${module.name} must have one A for all that it holds: they differ`,
    );
  }
  const as = stacked(present.map(({ a }) => a)), rank = as.shape[0] as number;
  const b = new Float64Array(sumOf(module.places) * rank);
  let [row, column] = [0, 0];
  module.places.forEach(({ rows }, i) => {
    const change = changes[i];
    if (change !== undefined) {
      const width = change.b.shape[1] as number, values = floats(change.b);
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < width; c++) {
          b[(row + r) * rank + column + c] = (values[r * width + c] as number) * (change.scale / scale);
        }
      }
      column += width;
    }
    row += rows;
  });
  return { a: as, b: tensor([b.length / rank, rank], b, a.dtype), scale };
}

/**
 * An adapter as a PEFT folder's files.
 *
 * @param layout the matrices of the model's file
 * @param options.base where the model comes from, for `base_model_name_or_path`
 * @throws {TypeError} if it changes nothing, or is a DoRA on a part of a fused matrix
 */
export function writePeft(
  layout: readonly FileMatrix[],
  adapter: Adapter,
  options: { readonly base?: string } = {},
): PeftFiles {
  const modules = modulesOf(layout).map((module) => ({
    module,
    changes: module.places.map(({ layer, projection }) => adapter.layers[layer]?.[projection]),
  }));
  const adapted = modules.filter(({ changes }) => changes.some((change) => change !== undefined));
  if (adapted.length === 0) throw new TypeError("Cannot write an adapter as it must change at least one matrix");
  const written = adapted.map(({ module, changes }) => ({ module, change: joined(module, changes) }));
  const tensors = written.flatMap(({ module, change }): (readonly [string, Tensor])[] => {
    const { a, b, magnitude } = keysOf(module);
    return [
      [a, change.a],
      [b, change.b],
      ...change.magnitude === undefined ? [] : [[magnitude, change.magnitude] as const],
    ];
  });
  const described = written.map(({ module: { name }, change: { a, scale, magnitude } }): PeftModule => (
    { name, rank: a.shape[0] as number, scale, dora: magnitude !== undefined }
  ));
  const names = new Set(described.map(({ name }) => name));
  return {
    config: writePeftConfig(described, adapter, {
      others: modules.map(({ module }) => module.name).filter((name) => !names.has(name)),
      base: options.base ?? null,
      transposed: adapted.some(({ module }) => module.transposed),
    }),
    tensors: Object.fromEntries(tensors),
  };
}
