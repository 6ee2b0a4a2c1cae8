/**
 * The blas provider: matrix products by any CBLAS of this machine, called on the shared memory with no copy, and all the
 * rest by the kernels it is built on.
 *
 * Such a library chooses its method by size, so an element may depend on the batch it travels in: results are close to
 * the other providers', not the same bits. Our threads rest while the library works with as many of its own.
 *
 * @see Blackford et al. 2002, "An updated set of basic linear algebra subprograms (BLAS)"
 */

import type { Floats, Kernels, Strides } from "./kernels.ts";
import { allocate, memory, withScratch } from "./memory.ts";
import { at } from "./wasm/arrays.ts";

/** Where a system keeps a BLAS: the fast ones first, and last the name that any of them may have taken. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  darwin: ["/System/Library/Frameworks/Accelerate.framework/Accelerate"],
  windows: ["libopenblas.dll", "openblas.dll", "mkl_rt.2.dll"],
  linux: ["libopenblas.so.0", "libopenblas.so", "libmkl_rt.so.2", "libmkl_rt.so", "libblis.so.4", "libblas.so.3"],
};

/** How to come by one. */
const INSTALL = "install one (apt install libopenblas0-pthread, dnf install openblas-threads, pacman -S openblas) " +
  "or name its file with --blas";

/** What builds put around a name: SciPy's wheels, 64-bit integers. */
const around = (name: string): readonly string[] =>
  ["", "64_", "_64"].flatMap((after) => ["", "scipy_"].map((before) => before + name + after));

const PRODUCTS = around("cblas_sgemm");

/** Functions that take the number of threads: of OpenBLAS, BLIS and MKL. */
const THREADS = [...around("openblas_set_num_threads"), "bli_thread_set_num_threads", "MKL_Set_Num_Threads"];

/** Accelerate's, which takes 0 for all and 1 for one. */
const ONE_THREAD = "BLASSetThreading";

// Sizes travel in 64 bits: a library of 32-bit integers reads the lower halves, and one of 64 bits what it expects.
// Addresses travel as integers too, as pointers would have to be made for each call.
const [size, address, float] = ["i64", "u64", "f32"] as const;
const matrix = [address, size] as const;
const sgemm = {
  parameters: ["i32", "i32", "i32", size, size, size, float, ...matrix, ...matrix, float, ...matrix],
  result: "void",
  optional: true,
} as const;
const setter = { parameters: [size], result: "void", optional: true } as const;

type Matrix = [address: bigint, rowsApart: bigint];

/** `cblas_sgemm`: C ← alpha·A·B + beta·C. */
type Sgemm = (
  ...args: [
    ...[order: number, transposeA: number, transposeB: number, m: bigint, n: bigint, k: bigint],
    ...[alpha: number, ...a: Matrix, ...b: Matrix],
    ...[beta: number, ...c: Matrix],
  ]
) => void;

const [ROW_MAJOR, AS_STORED, TRANSPOSED] = [101, 111, 112] as const;

/** An open library: its functions by name, `null` where it has none of that name. */
export interface Library {
  readonly sgemm: (name: string) => Sgemm | null;
  readonly setter: (name: string) => ((n: bigint) => void) | null;
  /** Where it finds the shared memory's first byte. */
  readonly memory: bigint;
}

/** Opens a library by the engine's FFI. */
function openLibrary(path: string): Library {
  Deno.dlopen(path, {});
  return {
    sgemm: (name) => Deno.dlopen(path, { f: { ...sgemm, name } }).symbols.f,
    setter: (name) => Deno.dlopen(path, { f: { ...setter, name } }).symbols.f,
    memory: Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(memory.buffer))),
  };
}

/** A library that multiplies. */
export interface Blas {
  /** Its file, or the name by which it was found. */
  readonly path: string;
  /** Its product. */
  readonly sgemm: Sgemm;
  /** Where it finds the shared memory's first byte. */
  readonly memory: bigint;
}

/** Which library, and how many threads it gets. */
export interface BlasOptions {
  /** The library's file; the first of the usual names that is found if not given. */
  readonly path?: string;
  readonly threads: number;
  /** Opens a library; by the engine, with the permission that this needs, if not given. */
  readonly open?: (path: string) => Library;
}

/** What the first item has that has any. */
function first<A, B>(items: readonly A[], of: (item: A) => B | null): B | null {
  for (const item of items) {
    const found = of(item);
    if (found !== null) return found;
  }
  return null;
}

/** [1 2; 3 4] · [5 6; 7 8] by a library, over a C that must not be read. */
function known(blas: Blas): readonly number[] {
  return withScratch(() => {
    const matrix = (...values: readonly number[]): Float32Array => {
      const view = new Float32Array(memory.buffer, allocate(16).offset, 4);
      view.set(values);
      return view;
    };
    const c = matrix(NaN, NaN, NaN, NaN);
    multiplication(blas, () => {})(2, 2, 2, matrix(1, 2, 3, 4), [2, 1], matrix(5, 6, 7, 8), [2, 1], c, 2, 0);
    return [...c];
  });
}

const EXPECTED = [19, 22, 43, 50];

/** The library at a path, once it has shown that it multiplies; with its threads set. */
function use(path: string, threads: number, open: (path: string) => Library): Blas {
  const refuse = (reason: string): Error => new Error(`Cannot use ${path} as a BLAS as ${reason}`);
  let library: Library;
  try {
    library = open(path);
  } catch (error) {
    const reason = (error as Error).message.replace(/^(Could not open library: )+/, "");
    throw refuse(`it cannot be opened: ${reason}`);
  }
  const sgemm = first(PRODUCTS, library.sgemm);
  if (sgemm === null) throw refuse(`it has no function ${PRODUCTS[0]}: ${INSTALL}`);
  first(THREADS, library.setter)?.(BigInt(threads));
  library.setter(ONE_THREAD)?.(threads === 1 ? 1n : 0n);
  const blas = { path, sgemm, memory: library.memory };
  const got = known(blas);
  if (got.some((x, i) => x !== EXPECTED[i])) {
    throw refuse(`its product of [1 2; 3 4] and [5 6; 7 8] must be ${EXPECTED.join(" ")}: it is ${got.join(" ")}`);
  }
  return blas;
}

/** The names that the engine may open without asking. */
function permitted(names: readonly string[]): readonly string[] {
  const may = (path?: string): boolean => Deno.permissions.querySync({ name: "ffi", path }).state === "granted";
  return names.filter((name) => may() || /[/\\]/.test(name) && may(name));
}

/**
 * Opens a BLAS.
 *
 * @throws Error when there is none, when it may not be called, or when it is not one
 */
export function openBlas({ path, threads, open }: BlasOptions): Blas {
  const refuse = (reason: string): Error => new Error(`Cannot use backend blas as ${reason}`);
  if (globalThis.Deno?.dlopen === undefined) throw refuse("this engine calls no libraries: run in Deno");
  const names = path === undefined ? NAMES[Deno.build.os] ?? NAMES.linux! : [path];
  const allowed = open === undefined ? permitted(names) : names;
  if (allowed.length === 0) {
    throw refuse(`calling a library is not permitted: run again with --allow-ffi${path ? `=${path}` : ""}`);
  }
  if (path !== undefined) return use(path, threads, open ?? openLibrary);
  const found = first(allowed, (name) => {
    try {
      return use(name, threads, open ?? openLibrary);
    } catch {
      return null;
    }
  });
  if (found === null) throw refuse(`none was found, neither ${names.join(" nor ")}: ${INSTALL}`);
  return found;
}

/** How a library is told of a matrix; it has no words for one whose rows overlap, or that is contiguous in no direction. */
function layout(
  [row, column]: Strides,
  rows: number,
  columns: number,
): readonly [form: number, apart: bigint] | undefined {
  const contiguous = (step: number, length: number, apart: number, lines: number): boolean =>
    (step === 1 || length === 1) && (apart >= length || lines === 1);
  if (contiguous(column, columns, row, rows)) return [AS_STORED, BigInt(Math.max(row, columns))];
  if (contiguous(row, rows, column, columns)) return [TRANSPOSED, BigInt(Math.max(column, rows))];
  return undefined;
}

/** `Kernels.gemm` by a library, and `otherwise` for what it has no words for. */
function multiplication(
  { sgemm, memory }: Blas,
  otherwise: Kernels<Floats>["gemm"],
): Kernels<Floats>["gemm"] {
  const place = (x: Floats): bigint => memory + BigInt(at(x));
  return (m, n, k, a, aStrides, b, bStrides, c, ldc, beta) => {
    const [left, right] = [layout(aStrides, m, k), layout(bStrides, k, n)];
    if (left === undefined || right === undefined || k === 0) {
      return otherwise(m, n, k, a, aStrides, b, bStrides, c, ldc, beta);
    }
    const sizes = [BigInt(m), BigInt(n), BigInt(k)] as const;
    const [factors, sum] = [[place(a), left[1], place(b), right[1]], [place(c), BigInt(ldc)]] as const;
    sgemm(ROW_MAJOR, left[0], right[0], ...sizes, 1, ...factors, beta, ...sum);
  };
}

/** The kernels of a provider with a library's products. */
export function blasKernels(kernels: Kernels<Floats>, blas: Blas): Kernels<Floats> {
  return { ...kernels, name: "blas", batchInvariant: false, gemm: multiplication(blas, kernels.gemm) };
}
