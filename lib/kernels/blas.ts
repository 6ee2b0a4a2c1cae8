/**
 * The blas provider: matrix products by any CBLAS of this machine, and all the rest by the kernels it is built on.
 *
 * Such a library chooses its method by size, so an element may depend on the batch it travels in: results are close to
 * the other providers', not the same bits.
 *
 * @see Blackford et al. 2002, "An updated set of basic linear algebra subprograms (BLAS)"
 */

import type { Floats, Kernels } from "./kernels.ts";
import {
  type Base,
  findLibrary,
  first,
  isRead,
  layout,
  type Library,
  type LibraryOptions,
  linearLayers,
  openElsewhere,
  partsEach,
  type Signature,
  wrongProduct,
} from "./library.ts";
import { at } from "./wasm/arrays.ts";
import { CALLEE, type Team } from "./wasm/team.ts";
import { type Argument, from, sizeOf, valueOf } from "./wasm/work.ts";
import type { Callee, Kernel } from "./wasm/worker.ts";

/** Where a system keeps a BLAS: the fast ones first, and last the name that any of them may have taken. */
const NAMES = {
  darwin: ["/System/Library/Frameworks/Accelerate.framework/Accelerate"],
  windows: ["libopenblas.dll", "openblas.dll", "mkl_rt.2.dll"],
  linux: ["libopenblas.so.0", "libopenblas.so", "libmkl_rt.so.2", "libmkl_rt.so", "libblis.so.4", "libblas.so.3"],
};

/** How to come by one. */
const INSTALL = "install one (apt install libopenblas0-pthread, dnf install openblas-threads, pacman -S openblas) " +
  "or name its file with --library";

/** What builds put around a name: SciPy's wheels, 64-bit integers. */
const around = (name: string): readonly string[] =>
  ["", "64_", "_64"].flatMap((after) => ["", "scipy_"].map((before) => before + name + after));

const PRODUCTS = around("cblas_sgemm");

/** Functions that take the number of threads: of OpenBLAS, BLIS and MKL, and Accelerate's, where each thread says it. */
const LIMITS = [
  ...around("openblas_set_num_threads"),
  "bli_thread_set_num_threads",
  "MKL_Set_Num_Threads",
  "BLASSetThreading",
];

/** What tells which processor OpenBLAS has kernels chosen for. */
const CORES = around("openblas_get_corename");

/** Processors without AVX, by OpenBLAS's names. It takes those that it does not know for a Prescott. */
const OLD =
  /^(katmai|coppermine|northwood|prescott|banias|atom|core2|penryn|dunnington|nehalem|nano|athlon|opteron.*|barcelona|bobcat|generic)$/i;

// Sizes travel in 64 bits: a library of 32-bit integers reads the lower halves, and one of 64 bits what it expects.
// Addresses travel as integers too, as pointers would have to be made for each call.
const [size, address, float] = ["i64", "u64", "f32"] as const;
const matrix = [address, size] as const;

/** `cblas_sgemm`: C ← alpha·A·B + beta·C. */
const sgemm: Signature = {
  parameters: ["i32", "i32", "i32", size, size, size, float, ...matrix, ...matrix, float, ...matrix],
  result: "void",
};
const limit: Signature = { parameters: [size], result: "void" };

const [ROW_MAJOR, AS_STORED, TRANSPOSED] = [101, 111, 112] as const;

/** Nanoseconds of a multiply-add. */
const COST = 0.02;

/** Parts start at multiples of this, as libraries work in tiles. */
const TILE = 16;

/** A library that multiplies. */
export interface Blas {
  /** Its file, or the name by which it was found. */
  readonly path: string;
  /** Its product, as threads call it. */
  readonly callee: Callee;
  /** Where it finds the shared memory's first byte. */
  readonly memory: number;
  /** Sentences: what makes it slow. */
  readonly remarks: readonly string[];
}

/** A sentence where OpenBLAS multiplies as on a processor of long ago, as it does on one that is newer than itself. */
function remarksOf({ find, textAt }: Library): readonly string[] {
  const ask = first(CORES, (name) => find(name, { parameters: [], result: "u64" }));
  const core = ask === null ? "" : textAt(BigInt(ask()));
  if (!OLD.test(core)) return [];
  return [
    `--backend blas multiplies slowly as this OpenBLAS takes the processor for a ${core}: if it is newer, install a ` +
    "newer OpenBLAS, or set OPENBLAS_CORETYPE=Haswell (with AVX-512 SkylakeX)",
  ];
}

/** The library taken into use: one thread a call, and it has shown that it multiplies. */
function use(library: Library): Blas | string {
  const { path, memory, isShared } = library;
  const found = first(PRODUCTS, (name) => {
    const call = library.find(name, sgemm);
    return call && { name, call: call as Kernel };
  });
  if (found === null) return `it has no function ${PRODUCTS[0]}: ${INSTALL}`;
  const setter = first(LIMITS, (name) => library.find(name, limit) && name);
  if (setter !== null) library.find(setter, limit)!(1);
  const given = { path, name: found.name, signature: sgemm, limit: setter };
  const blas = {
    ...{ path, memory, remarks: remarksOf(library) },
    callee: { call: found.call, ...isShared && { elsewhere: { open: openElsewhere, given } } },
  };
  return wrongProduct(multiplication(blas, undefined, () => {})) ?? blas;
}

/**
 * Opens a BLAS.
 *
 * @throws Error when there is none, when it may not be called, or when it is not one
 */
export function openBlas(options: LibraryOptions): Blas {
  return findLibrary({ backend: "blas", what: "a BLAS", names: NAMES, install: INSTALL, use }, options);
}

/** `Kernels.gemm` by a library, cut for a team if there is one, and `otherwise` for what it has no words for. */
function multiplication(
  { callee, memory }: Blas,
  team: Team | undefined,
  otherwise: Kernels<Floats>["gemm"],
): Kernels<Floats>["gemm"] {
  const run: Team["run"] = team?.run ??
    ((_, args, { units }) => void callee.call(...args.map((arg) => valueOf(arg, 0, units))));
  return (m, n, k, a, aStrides, b, bStrides, c, ldc, beta) => {
    const [left, right] = [layout(aStrides, m, k), layout(bStrides, k, n)];
    if (left === undefined || right === undefined || k === 0 || isRead(m, n, k, right)) {
      return otherwise(m, n, k, a, aStrides, b, bStrides, c, ldc, beta);
    }
    const [x, y, z] = [memory + at(a), memory + at(b), memory + at(c)];
    const forms = [left, right].map(({ isTransposed }) => isTransposed ? TRANSPOSED : AS_STORED);
    const [row, column] = [4 * (left.isTransposed ? 1 : left.apart), 4 * (right.isTransposed ? right.apart : 1)];
    const byRows: readonly Argument[] = [sizeOf(1), n, k, 1, from(x, row), left.apart, y, right.apart];
    const byColumns: readonly Argument[] = [m, sizeOf(1), k, 1, x, left.apart, from(y, column), right.apart];
    const isTall = m >= n;
    const sum = [beta, from(z, 4 * (isTall ? ldc : 1)), ldc];
    const parts = partsEach(m * n * k, team?.threads ?? 1);
    const work = { units: isTall ? m : n, cost: COST * k * (isTall ? n : m), align: TILE, parts };
    run(CALLEE, [ROW_MAJOR, ...forms, ...isTall ? byRows : byColumns, ...sum], work);
  };
}

/** The kernels of a provider with a library's products. */
export function blasKernels(base: Base, blas: Blas): Kernels<Floats> {
  const kernels = base(blas.callee);
  const gemm = multiplication(blas, kernels.team, kernels.gemm);
  return { ...kernels, name: "blas", batchError: 1e-4, gemm, linears: linearLayers(gemm, kernels.linears) };
}
