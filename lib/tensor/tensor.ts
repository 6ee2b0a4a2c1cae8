/**
 * Tensors: immutable records over the shared memory.
 *
 * A tensor is a frozen `{ dtype, shape, data }`, row-major and contiguous. Nothing writes into it after it is made.
 * Its memory ends with the scope it was made in, or when an optimizer step consumes it; reading it afterwards throws.
 */
import { type Half, widen } from "../kernels/half.ts";
import type { Floats } from "../kernels/kernels.ts";
import { buffer } from "../kernels/address_space.ts";
import { allocate, type Block, freeNow, freeWithView, isDry, moveOut, passOn } from "../kernels/memory.ts";

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

/**
 * A matrix held in 16 bits a number, which nothing changes: half the memory, and no gradient. Products by it widen a part
 * at a time (see `productsBy`); nothing else computes with it.
 */
export interface HalfTensor {
  /** The format of the numbers. */
  readonly dtype: Half;
  /** Extent of every axis, outermost first. */
  readonly shape: readonly number[];
  /** The elements, widened at each reading. @throws {TypeError} if the tensor's scope has ended */
  readonly data: ReadonlyFloats;
}

type Numbers = Floats | Uint16Array;

/** Where a tensor's numbers are, and whether they still are. */
interface Storage {
  readonly block: Block;
  readonly view: Numbers;
  consumed: boolean;
}

const STORAGE = Symbol("storage");
type Stored<T> = T & { readonly [STORAGE]: Storage };

/** Number of elements of a shape. */
export function size(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** A shape as text: `[2, 3]`. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

function storageOf(t: Tensor | HalfTensor): Storage {
  const storage = (t as Stored<typeof t>)[STORAGE];
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

/** What all tensors share: one getter, as making one for each tensor takes ten times as long as the tensor. */
const shared = {
  get data(): ReadonlyFloats {
    const { dtype } = this as unknown as Tensor | HalfTensor;
    const { view } = storageOf(this as unknown as Tensor);
    if (!(view instanceof Uint16Array)) return view;
    const wide = new Float32Array(view.length);
    widen(dtype as Half, view, wide);
    return wide;
  },
};

function make<D extends Dtype | Half>(
  dtype: D,
  shape: readonly number[],
  storage: Storage,
): D extends Dtype ? Tensor : HalfTensor {
  const stored = Object.create(shared);
  stored.dtype = dtype;
  stored.shape = Object.freeze([...shape]);
  stored[STORAGE] = storage;
  return Object.freeze(stored);
}

function viewOf(dtype: Dtype, block: Block, length: number): Floats {
  const [bytes, at] = isDry() ? [placeholder(8 * length), 0] : [buffer(), block.offset];
  return dtype === "f32" ? new Float32Array(bytes, at, length) : new Float64Array(bytes, at, length);
}

function halvesOf(block: Block, length: number): Uint16Array {
  return isDry()
    ? new Uint16Array(placeholder(2 * length), 0, length)
    : new Uint16Array(buffer(), block.offset, length);
}

/** Stands for the numbers of every tensor of a dry run; nothing writes into it. */
let nothing = new ArrayBuffer(0);

function placeholder(bytes: number): ArrayBuffer {
  return nothing = nothing.byteLength >= bytes ? nothing : new ArrayBuffer(bytes);
}

/** Whether a tensor can be read: nothing has consumed it, and its scope has not ended. */
export function isAlive(t: Tensor | HalfTensor): boolean {
  const { consumed, block } = (t as Stored<typeof t>)[STORAGE];
  return !consumed && block.region.alive;
}

/** Where a tensor's numbers are: tensors that share them have one address, in a dry run too. */
export const addressOf = (t: Tensor | HalfTensor): number => storageOf(t).block.offset;

/** Bytes of memory that a tensor's numbers take. */
export const bytesOf = (t: Tensor | HalfTensor): number => storageOf(t).block.bytes;

/** Whether a value is a tensor. */
export function isTensor(value: unknown): value is Tensor | HalfTensor {
  return typeof value === "object" && value !== null && STORAGE in value;
}

/** Whether a tensor is held in 16 bits a number. */
export function isHalf(t: Tensor | HalfTensor): t is HalfTensor {
  return t.dtype === "bf16" || t.dtype === "f16";
}

/** The array behind a tensor, for whoever moves its bytes. */
export const numbersOf = (t: Tensor | HalfTensor): Floats | Uint16Array => storageOf(t).view;

/** The array behind a tensor, for kernels that read it. @throws {TypeError} if it is held in 16 bits a number */
export function floats(t: Tensor): Floats {
  const { view } = storageOf(t);
  if (!(view instanceof Uint16Array)) return view;
  throw new TypeError(
    `Cannot compute with a tensor of shape ${showShape(t.shape)} as it is held in ${t.dtype}: hold it in f32`,
  );
}

/** The bits of a tensor that is held in 16 bits a number, for kernels that widen them. */
export function halfBits(t: HalfTensor): Uint16Array {
  return storageOf(t).view as Uint16Array;
}

/** A new tensor of 16 bits a number, whose bits `fill` writes. */
export function buildHalf(dtype: Half, shape: readonly number[], fill: (bits: Uint16Array) => void): HalfTensor {
  const length = size(shape);
  const block = allocate(length * 2);
  const view = halvesOf(block, length);
  freeWithView(view, block);
  if (!isDry()) fill(view);
  return make(dtype, shape, { block, view, consumed: false });
}

/** A new tensor whose numbers `fill` writes; the memory given to `fill` is not cleared. */
export function build(dtype: Dtype, shape: readonly number[], fill: (out: Floats) => void): Tensor {
  const length = size(shape);
  const block = allocate(length * (dtype === "f32" ? 4 : 8));
  const view = viewOf(dtype, block, length);
  freeWithView(view, block);
  if (!isDry()) fill(view);
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
  tensors.forEach(floats); // they can be read
  const old = tensors.map(storageOf);
  if (new Set(old).size < old.length) throw new TypeError("Cannot consume tensors as two of them share their numbers");
  const views = tensors.map((t, i) => viewOf(t.dtype, old[i]!.block, old[i]!.view.length));
  if (!isDry()) write(...views as { -readonly [I in keyof T]: Floats });
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

/**
 * Frees a tensor's memory now, or with its scope if it is small; it throws when read afterwards. Only the holder of the
 * sole references may dispose of it.
 */
export function dispose(t: Tensor | HalfTensor): void {
  const storage = storageOf(t);
  storage.consumed = true;
  freeNow(storage.view, storage.block);
}

/** Whether the tensor would end with this region of the memory. */
export function livesIn(t: Tensor | HalfTensor, region: object): boolean {
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
export function carryOut<T extends Tensor | HalfTensor>(t: T): T {
  const block = moveOut(storageOf(t).block);
  if (block === undefined) return copy(t);
  const length = size(t.shape);
  const view = isHalf(t) ? halvesOf(block, length) : viewOf(t.dtype, block, length);
  freeWithView(view, block);
  return make(t.dtype, t.shape, { block, view, consumed: false }) as T;
}

/** The same numbers in the memory of the current scope. */
export function copy<T extends Tensor | HalfTensor>(t: T): T {
  const made = isHalf(t)
    ? buildHalf(t.dtype, t.shape, (out) => out.set(halfBits(t)))
    : build(t.dtype, t.shape, (out) => out.set(floats(t)));
  return made as T;
}

/** The same tensor under another record: same numbers, same memory, no copy. A new shape must have the same size. */
export function alias<T extends Tensor | HalfTensor>(t: T, shape: readonly number[] = t.shape): T {
  const storage = storageOf(t);
  if (size(shape) !== storage.view.length) {
    throw new RangeError(
      `Cannot reshape ${showShape(t.shape)} to ${showShape(shape)} as the sizes must agree: ` +
        `${storage.view.length} and ${size(shape)}`,
    );
  }
  return make(t.dtype, shape, storage) as T;
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
export function cast(t: Tensor | HalfTensor, dtype: Dtype): Tensor {
  return !isHalf(t) && t.dtype === dtype ? t : tensor(t.shape, t.data, dtype);
}
