/**
 * Tensors: immutable records over the shared memory.
 *
 * A tensor is a frozen `{ dtype, shape, data }`, row-major and contiguous. Nothing writes into it after it is made.
 * Its memory ends with the scope it was made in, or when an optimizer step consumes it; reading it afterwards throws.
 */
import type { Floats } from "../kernels/kernels.ts";
import { allocate, type Block, freeNow, freeWithView, memory, moveOut, passOn } from "../kernels/memory.ts";

/** Element type: 32-bit for speed, 64-bit for oracles and exact laboratories. They never mix. */
export type Dtype = "f32" | "f64";

/** The numbers of a tensor, without the mutators of a typed array. `slice` copies them out. */
export interface ReadonlyFloats extends ArrayLike<number>, Iterable<number> {
  /** A copy of the elements start … end − 1. */
  slice(start?: number, end?: number): Float32Array | Float64Array;
}

/** An immutable array of numbers with a shape; `[]` is the shape of a scalar. */
export interface Tensor {
  /** Element type. */
  readonly dtype: Dtype;
  /** Extent of every axis, outermost first. */
  readonly shape: readonly number[];
  /** The elements in row-major order. @throws {TypeError} if the tensor's scope has ended or it was consumed */
  readonly data: ReadonlyFloats;
}

/** Where a tensor's numbers are, and whether they still are. */
interface Storage {
  readonly block: Block;
  readonly view: Floats;
  consumed: boolean;
}

const STORAGE = Symbol("storage");
type Stored = Tensor & { readonly [STORAGE]: Storage };

/** Number of elements of a shape. */
export function size(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** A shape as text: `[2, 3]`. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

function storageOf(t: Tensor): Storage {
  const storage = (t as Stored)[STORAGE];
  if (storage.consumed) {
    throw new TypeError(`Cannot read a tensor of shape ${showShape(t.shape)} as it was consumed by an update`);
  }
  if (!storage.block.region.alive) {
    throw new TypeError(
      `Cannot read a tensor of shape ${showShape(t.shape)} as its scope has ended: return it from the scope to keep it`,
    );
  }
  return storage;
}

function make(dtype: Dtype, shape: readonly number[], storage: Storage): Tensor {
  const stored: Stored = {
    dtype,
    shape: Object.freeze([...shape]),
    get data(): ReadonlyFloats {
      return storageOf(this).view;
    },
    [STORAGE]: storage,
  };
  return Object.freeze(stored);
}

function viewOf(dtype: Dtype, block: Block, length: number): Floats {
  return dtype === "f32"
    ? new Float32Array(memory.buffer, block.offset, length)
    : new Float64Array(memory.buffer, block.offset, length);
}

/** Whether a value is a tensor. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && STORAGE in value;
}

/** The array behind a tensor, for kernels that read it. */
export function floats(t: Tensor): Floats {
  return storageOf(t).view;
}

/** A new tensor whose numbers `fill` writes; the memory given to `fill` is not cleared. */
export function build(dtype: Dtype, shape: readonly number[], fill: (out: Floats) => void): Tensor {
  const length = size(shape);
  const block = allocate(length * (dtype === "f32" ? 4 : 8));
  const view = viewOf(dtype, block, length);
  freeWithView(view, block);
  fill(view);
  return make(dtype, shape, { block, view, consumed: false });
}

/** A new tensor that a kernel is about to write: its numbers are not defined yet. */
export function empty(dtype: Dtype, shape: readonly number[]): Tensor {
  return build(dtype, shape, () => {});
}

/**
 * New tensors in the memory of old ones, which throw when read afterwards. `write` gets the old numbers to write over.
 * Only the holder of the sole references may consume.
 */
export function consumeAll<const T extends readonly Tensor[]>(
  tensors: T,
  write: (...numbers: { -readonly [I in keyof T]: Floats }) => void,
): { -readonly [I in keyof T]: Tensor } {
  const old = tensors.map(storageOf);
  const views = tensors.map((t, i) => {
    const { block, view } = old[i] as Storage;
    return viewOf(t.dtype, block, view.length);
  });
  write(...views as { -readonly [I in keyof T]: Floats });
  return tensors.map((t, i) => {
    const [storage, view] = [old[i] as Storage, views[i] as Floats];
    storage.consumed = true;
    passOn(storage.view, view, storage.block);
    return make(t.dtype, t.shape, { block: storage.block, view, consumed: false });
  }) as { -readonly [I in keyof T]: Tensor };
}

/** `consumeAll` of one tensor. */
export function consume(t: Tensor, write: (numbers: Floats) => void): Tensor {
  return consumeAll([t], write)[0];
}

/** Frees a tensor's memory now if it lives outside all scopes; it throws when read afterwards. */
export function dispose(t: Tensor): void {
  const storage = storageOf(t);
  storage.consumed = true;
  freeNow(storage.view, storage.block);
}

/** Whether the tensor would end with this region of the memory. */
export function livesIn(t: Tensor, region: object): boolean {
  return storageOf(t).block.region === region;
}

/**
 * A tensor of the given shape with copies of `values`.
 *
 * @throws {RangeError} if the number of values is not the product of the shape
 * @example
 * ```ts
 * import { tensor } from "@logratio/logratio";
 * const x = tensor([2, 2], [1, 2, 3, 4]);
 * ```
 */
export function tensor(shape: readonly number[], values: ArrayLike<number>, dtype: Dtype = "f32"): Tensor {
  const needed = size(shape);
  if (values.length !== needed) {
    throw new RangeError(
      `Cannot make a tensor of shape ${showShape(shape)} as it needs ${needed} values: ${values.length} were given`,
    );
  }
  return build(dtype, shape, (out) => out.set(values));
}

/** A tensor of zeros. */
export function zeros(dtype: Dtype, shape: readonly number[]): Tensor {
  return build(dtype, shape, (out) => out.fill(0));
}

/** A scalar tensor. */
export function scalar(value: number, dtype: Dtype = "f32"): Tensor {
  return tensor([], [value], dtype);
}

/** The tensor in the current scope, out of one that was left: large ones keep their memory, others are copied. */
export function carryOut(t: Tensor): Tensor {
  const block = moveOut(storageOf(t).block);
  if (block === undefined) return copy(t);
  const view = viewOf(t.dtype, block, size(t.shape));
  freeWithView(view, block);
  return make(t.dtype, t.shape, { block, view, consumed: false });
}

/** The same numbers in the memory of the current scope. */
export function copy(t: Tensor): Tensor {
  return build(t.dtype, t.shape, (out) => out.set(floats(t)));
}

/** The same tensor under another record: same numbers, same memory, no copy. A new shape must have the same size. */
export function alias(t: Tensor, shape: readonly number[] = t.shape): Tensor {
  const storage = storageOf(t);
  if (size(shape) !== storage.view.length) {
    throw new RangeError(
      `Cannot reshape ${showShape(t.shape)} to ${showShape(shape)} as the sizes must agree: ` +
        `${storage.view.length} and ${size(shape)}`,
    );
  }
  return make(t.dtype, shape, storage);
}

/** The number in a tensor of one element. */
export function item(t: Tensor): number {
  if (size(t.shape) !== 1) {
    throw new TypeError(
      `Cannot take the item of a tensor as it must have one element: its shape is ${showShape(t.shape)}`,
    );
  }
  return floats(t)[0] as number;
}

/** The same numbers in another element type. */
export function cast(t: Tensor, dtype: Dtype): Tensor {
  return t.dtype === dtype ? t : tensor(t.shape, floats(t), dtype);
}
