/**
 * Libraries of this machine, called on the shared memory: how one is found, opened and asked whether it can multiply.
 *
 * Their own threads rest. A product is cut into parts that the threads of the wasm kernels take like any other work, each
 * thread calling the library by itself: so there are never more threads than cores, none waits for one that another
 * program holds up, and small products pay no barrier.
 */

import { type Floats, type Kernels, oneByOne, type Strides } from "./kernels.ts";
import { buffer } from "./address_space.ts";
import { allocate, withScratch } from "./memory.ts";
import type { Team } from "./wasm/team.ts";
import type { Callee, Kernel } from "./wasm/worker.ts";

/** What a function takes and gives: integers, addresses as integers, bytes to read or write. */
type Parameter = "i32" | "u32" | "i64" | "u64" | "f32" | "buffer";

/** How a function is called. */
export interface Signature {
  readonly parameters: readonly Parameter[];
  readonly result: "void" | "i32" | "u64";
}

/** A function of a library. */
export type Native = (...args: (number | bigint | BigUint64Array | BigInt64Array)[]) => number | bigint;

/** An open library. */
export interface Library {
  /** Its file, or the name by which it was found. */
  readonly path: string;
  /** Its function of that name; null where it has none, nor a library it brings along. */
  readonly find: (name: string, signature: Signature) => Native | null;
  /** Where it finds the shared memory's first byte. */
  readonly memory: number;
  /** Where it finds an array, for as long as that is kept. */
  readonly addressOf: (array: BigUint64Array) => bigint;
  /** A text of its own by its address. */
  readonly textAt: (address: bigint) => string;
  /** Whether other threads can open it too. */
  readonly isShared: boolean;
}

/** Which library. */
export interface LibraryOptions {
  /** Its file; the first of the usual names that is found if not given. */
  readonly path?: string | undefined;
  /** Opens a library; by the engine, with the permission that this needs, if not given. */
  readonly open?: (path: string) => Library;
}

/** A kind of library. */
export interface Kind<A> {
  /** The backend that calls it. */
  readonly backend: string;
  /** What it is: "a BLAS". */
  readonly what: string;
  /** Where the systems keep one, the fast ones first. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** How to come by one. */
  readonly install: string;
  /** Takes it into use; a sentence's end where it cannot be used: "it has no function …". */
  readonly use: (library: Library) => A | string;
}

/** Opens a library by the engine's FFI. */
function openLibrary(path: string): Library {
  Deno.dlopen(path, {});
  const addressOf = (array: ArrayBufferView): bigint =>
    Deno.UnsafePointer.value(Deno.UnsafePointer.of(array as BufferSource));
  return {
    path,
    find: (name, { parameters, result }) =>
      Deno.dlopen(path, { f: { name, parameters, result, optional: true } }).symbols.f as Native | null,
    memory: Number(addressOf(new Uint8Array(buffer()))),
    addressOf,
    textAt: (address) => Deno.UnsafePointerView.getCString(Deno.UnsafePointer.create(address)!),
    isShared: true,
  };
}

/** What the first item has that has any. */
export function first<A, B>(items: readonly A[], of: (item: A) => B | null): B | null {
  for (const item of items) {
    const found = of(item);
    if (found !== null) return found;
  }
  return null;
}

/** The names that the engine may open without asking. */
function permitted(names: readonly string[]): readonly string[] {
  const may = (path?: string): boolean => Deno.permissions.querySync({ name: "ffi", path }).state === "granted";
  return names.filter((name) => may() || /[/\\]/.test(name) && may(name));
}

/** The library at a path, taken into use. */
function useAt<A>(path: string, { what, use }: Kind<A>, open: (path: string) => Library): A {
  const refuse = (reason: string): Error => new Error(`Cannot use ${path} as ${what} as ${reason}`);
  let library: Library;
  try {
    library = open(path);
  } catch (error) {
    const reason = (error as Error).message.replace(/^(Could not open library: )+/, "");
    throw refuse(`it cannot be opened: ${reason}`);
  }
  const used = use(library);
  if (typeof used === "string") throw refuse(used);
  return used;
}

/**
 * Opens a library of a kind.
 *
 * @throws Error when there is none, when it may not be called, or when it is not one
 */
export function findLibrary<A>(kind: Kind<A>, { path, open }: LibraryOptions): A {
  const refuse = (reason: string): Error => new Error(`Cannot use backend ${kind.backend} as ${reason}`);
  if (globalThis.Deno?.dlopen === undefined) throw refuse("this engine calls no libraries: run in Deno");
  const names = path === undefined ? kind.names[Deno.build.os] ?? kind.names.linux! : [path];
  const allowed = open === undefined ? permitted(names) : names;
  if (allowed.length === 0) {
    throw refuse(`calling a library is not permitted: run again with --allow-ffi${path ? `=${path}` : ""}`);
  }
  if (path !== undefined) return useAt(path, kind, open ?? openLibrary);
  const found = first(allowed, (name) => {
    try {
      return useAt(name, kind, open ?? openLibrary);
    } catch {
      return null;
    }
  });
  if (found === null) throw refuse(`none was found, neither ${names.join(" nor ")}: ${kind.install}`);
  return found;
}

/** The most parts of a product for each thread. */
export const PARTS = 2;

/** Multiply-adds from which a part for each thread is long: one that another program holds up would delay the rest. */
const LONG_PRODUCT = 5e8;

/**
 * Parts of a product for each thread: few, as a library prepares the other factor anew for each.
 */
export function partsEach(multiplyAdds: number, threads: number): number {
  return threads === 1 || multiplyAdds < LONG_PRODUCT ? 1 : PARTS;
}

/** Makes the kernels that a library's products are set in; their threads, if they have any, call it. */
export type Base = (callee: Callee) => Kernels<Floats> & { readonly team?: Team };

/** What another thread is given to open a function. */
export interface Elsewhere {
  readonly path: string;
  readonly name: string;
  readonly signature: Signature;
  /** The function that tells the library how many threads it may start, where each thread has to say it. */
  readonly limit: string | null;
}

/** Opens a function in another thread: its text is all of it that goes there. */
export function openElsewhere({ path, name, signature, limit }: Elsewhere): Kernel {
  if (limit !== null) {
    Deno.dlopen(path, { f: { name: limit, parameters: ["i64"], result: "void" } }).symbols.f(1n);
  }
  return Deno.dlopen(path, { f: { ...signature, name } }).symbols.f as Kernel;
}

const EXPECTED = [19, 22, 43, 50];

/** What is wrong with a product: [1 2; 3 4] · [5 6; 7 8] over a C that must not be read. */
export function wrongProduct(gemm: Kernels<Floats>["gemm"]): string | undefined {
  const got = withScratch(() => {
    const matrix = (...values: readonly number[]): Float32Array => {
      const view = new Float32Array(buffer(), allocate(16).offset, 4);
      view.set(values);
      return view;
    };
    const c = matrix(NaN, NaN, NaN, NaN);
    gemm(2, 2, 2, matrix(1, 2, 3, 4), [2, 1], matrix(5, 6, 7, 8), [2, 1], c, 2, 0);
    return [...c];
  });
  if (got.every((x, i) => x === EXPECTED[i])) return undefined;
  return `its product of [1 2; 3 4] and [5 6; 7 8] must be ${EXPECTED.join(" ")}: it is ${got.join(" ")}`;
}

/** How a library is told of a matrix: whether it lies by rows or by columns, and how far apart they are. */
export interface Layout {
  readonly isTransposed: boolean;
  readonly apart: number;
}

/** A matrix by its strides; a library has no words for one whose rows overlap, or that is contiguous in no direction. */
export function layout([row, column]: Strides, rows: number, columns: number): Layout | undefined {
  const contiguous = (step: number, length: number, apart: number, lines: number): boolean =>
    (step === 1 || length === 1) && (apart >= length || lines === 1);
  if (contiguous(column, columns, row, rows)) return { isTransposed: false, apart: Math.max(row, columns) };
  if (contiguous(row, rows, column, columns)) return { isTransposed: true, apart: Math.max(column, rows) };
  return undefined;
}

/** So many floats of a factor come from memory. */
const READ = 1 << 18;

/** The most rows that are multiplied in the time in which the other factor comes from memory. */
const FEW_ROWS = 8;

/**
 * Whether a product is little more than reading one factor from memory, one row or column of the other or a few rows with
 * columns that lie contiguous: libraries take longer over it than the kernels of ours.
 */
export function isRead(m: number, n: number, k: number, right: Layout): boolean {
  return Math.max(m, n) * k >= READ && (Math.min(m, n) === 1 || m <= FEW_ROWS && right.isTransposed);
}

/** The most rows by which a library gains nothing over ours where the other factor is in panels. */
const ROWS_BY_PANELS = 16;

/** `Kernels.linears` by a library's products, and by `own` where all they do is read, or the rows are few and by panels. */
export function linearLayers(
  gemm: Kernels<Floats>["gemm"],
  own: Kernels<Floats>["linears"],
): Kernels<Floats>["linears"] {
  const each = oneByOne(gemm);
  return (rows, inner, x, layers) => {
    const right = { isTransposed: true, apart: inner };
    const isOwn = layers.every(({ outer, panels }) =>
      isRead(rows, outer, inner, right) || panels !== undefined && rows <= ROWS_BY_PANELS
    );
    (isOwn ? own : each)(rows, inner, x, layers);
  };
}
