/** Checkpoints: a moment of a run as plain data that can be cloned, encoded, and gone on from. */
import {
  alias,
  buildHalf,
  type Dtype,
  type HalfTensor,
  isTensor,
  numbersOf,
  type Tensor,
  tensor,
} from "../tensor/tensor.ts";
import { leaves } from "../tensor/tree.ts";
import type { Half } from "../kernels/half.ts";
import type { Floats } from "../kernels/kernels.ts";
import { isRecord, notData } from "./content_hash.ts";
import type { Path } from "./event.ts";

/**
 * A moment of a run. Nothing random is in it, as keys fold the path; nothing loaded is in it, only its hash, as loading
 * stages run again. It shares no memory with the run and survives `structuredClone`.
 */
export interface Checkpoint {
  /** The stages of the pipeline, as `outline` lists them. */
  readonly pipeline: readonly string[];
  /** The settings it was made with. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The seed of the run. */
  readonly seed: number;
  /** The stage, and how many of its steps are done: none if `steps` is absent. */
  readonly at: { readonly path: Path; readonly step: number; readonly steps?: number };
  /** Content hashes of what loading stages added, and of what the run was given. */
  readonly loaded: Readonly<Record<string, string>>;
  /** What training made: the fields of the state, and the carry of the scan it stands in, both packed. */
  readonly training: Packed;
}

/**
 * A tree whose tensors are plain records: `{ "~tensor": dtype, shape, data }` with copies of the numbers, or for what was
 * loaded `{ "~loaded": path, shape }`.
 */
export type Packed = unknown;

/** What a checkpoint is compared with before a run goes on from it. */
export type Identity = Pick<Checkpoint, "pipeline" | "config" | "seed">;

interface PackedTensor {
  readonly "~tensor": Dtype | Half;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Uint16Array;
}

interface LoadedTensor {
  readonly "~loaded": string;
  readonly shape: readonly number[];
}

/** Where tensors that are loaded again on resume stand in the state, by their numbers. */
export type Places = WeakMap<object, string>;

/** The places of all tensors of a state. */
export function placesOf(state: unknown): Places {
  return new WeakMap(leaves(state).map(([path, t]) => [numbersOf(t), path] as const));
}

/** Replaces the leaves of a tree, arrays and records are rebuilt; what `leaf` does not know must be data. */
function rebuild(value: unknown, leaf: (value: object) => object | undefined, path: string): unknown {
  if (value === null || ["number", "string", "boolean", "bigint", "undefined"].includes(typeof value)) return value;
  const known = typeof value === "object" ? leaf(value) : undefined;
  if (known !== undefined) return known;
  const child = (item: unknown, name: string | number): unknown => rebuild(item, leaf, `${path}.${name}`);
  if (Array.isArray(value)) return value.map(child);
  if (value instanceof Set) return new Set([...value].map(child));
  if (value instanceof Map) return new Map([...value].map((pair, i) => child(pair, i) as [unknown, unknown]));
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, child(v, k)]));
  throw notData(value, path);
}

/** Remembers results by identity, so that what was shared stays shared. */
function sharing<A extends object, B>(make: (a: A) => B): (identity: object, a: A) => B {
  const made = new Map<object, B>();
  return (identity, a) => {
    const result = made.get(identity) ?? make(a);
    made.set(identity, result);
    return result;
  };
}

/**
 * A copy of a tree as plain data. Tensors that share their numbers share them in the copy; of those that were loaded it
 * holds the place.
 *
 * @throws {TypeError} if something in it is not data
 */
export function packState(tree: unknown, loaded: Places = new WeakMap()): Packed {
  const numbers = sharing((view: Floats | Uint16Array) => view.slice());
  const arrays = sharing((view: ArrayBufferView) => copyView(view));
  return rebuild(tree, (value) => {
    if (isTensor(value)) {
      const view = numbersOf(value), place = loaded.get(view);
      if (place !== undefined) return { "~loaded": place, shape: [...value.shape] } satisfies LoadedTensor;
      return { "~tensor": value.dtype, shape: [...value.shape], data: numbers(view, view) } satisfies PackedTensor;
    }
    return ArrayBuffer.isView(value) ? arrays(value, value) : undefined;
  }, "state");
}

/** The tree that was packed, in memory of its own but for what was loaded. */
export function unpackState(packed: Packed, loaded: unknown = {}): unknown {
  const places = new Map(leaves(loaded));
  const tensors = sharing(unpacked);
  const arrays = sharing((view: ArrayBufferView) => copyView(view));
  return rebuild(packed, (value) => {
    if ("~loaded" in value) {
      const { "~loaded": place, shape } = value as LoadedTensor;
      return alias(places.get(place) as Tensor, shape);
    }
    if (isPackedTensor(value)) return alias(tensors(value.data, value), value.shape);
    return ArrayBuffer.isView(value) ? arrays(value, value) : undefined;
  }, "state");
}

function unpacked({ "~tensor": dtype, shape, data }: PackedTensor): Tensor | HalfTensor {
  return dtype === "bf16" || dtype === "f16"
    ? buildHalf(dtype, shape, (bits) => bits.set(data))
    : tensor(shape, data, dtype);
}

function isPackedTensor(value: object): value is PackedTensor {
  return "~tensor" in value;
}

/** A typed array of the same kind with the same numbers, in memory that is not shared. */
function copyView(view: ArrayBufferView): ArrayBufferView {
  if (view instanceof DataView) throw notData(view, "a leaf");
  return (view as Uint8Array).slice();
}

/** How a checkpoint and a run differ, a phrase each; empty if the run may go on from it. */
export function differences(saved: Identity, current: Identity): readonly string[] {
  const say = (what: string, now: unknown, then: unknown): readonly string[] =>
    JSON.stringify(now) === JSON.stringify(then) ? [] : [`${what} is ${show(now)}, in the checkpoint ${show(then)}`];
  const names = new Set([...Object.keys(current.config), ...Object.keys(saved.config)]);
  const unlike = Array.from(
    { length: Math.max(current.pipeline.length, saved.pipeline.length) },
    (_, i) => i,
  ).find((i) => current.pipeline[i] !== saved.pipeline[i]);
  return [
    ...unlike === undefined ? [] : say(`stage ${unlike + 1}`, current.pipeline[unlike], saved.pipeline[unlike]),
    ...say("the seed", current.seed, saved.seed),
    ...[...names].flatMap((name) => say(name, current.config[name], saved.config[name])),
  ];
}

function show(value: unknown): string {
  return value === undefined ? "absent" : typeof value === "string" ? value : JSON.stringify(value);
}
