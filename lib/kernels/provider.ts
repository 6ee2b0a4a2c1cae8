/** Which provider computes: the one choice a program makes about kernels, and it shows nowhere else. */

import { idle } from "./idle.ts";
import type { Floats, Kernels } from "./kernels.ts";
import type { Base } from "./library.ts";
import { isDry } from "./memory.ts";
import { reference } from "./reference.ts";
import { type WasmKernels, wasmKernels } from "./wasm/kernels.ts";
import { detectTarget } from "./wasm/module.ts";
import { MAX_THREADS } from "./wasm/team.ts";
import type { Callee } from "./wasm/worker.ts";

/** The providers that can be chosen. */
export type Backend = "wasm" | "blas" | "onednn" | "reference";

const BACKENDS: readonly Backend[] = ["wasm", "blas", "onednn", "reference"];

let backend: Backend = "wasm";

/** Threads of the wasm provider, the calling one included. */
let threads = defaultThreads();

/** The wasm provider, or the reference where there can be none; made at its first use. */
let fast: Kernels<Floats> & Partial<WasmKernels> | undefined;

/** A library in use. */
interface Products {
  /** The kernels with its products. */
  readonly over: (base: Base) => Kernels<Floats>;
  readonly remarks: readonly string[];
}

let products: Products | undefined;

/** The chosen provider for f32, made at its first use. */
let active: Kernels<Floats> | undefined;

/** As many threads as the machine runs at once, 8 at most. */
export function defaultThreads(): number {
  return Math.min(Math.max(globalThis.navigator?.hardwareConcurrency ?? 1, 1), 8);
}

/** Which provider, and how many threads it may use. */
export interface KernelOptions {
  /**
   * `wasm` (SIMD, the default), `blas` or `onednn` (the same with matrix products by a library of this machine, for which
   * Deno needs `--allow-ffi`; `onednn` rounds their factors to bfloat16 where the processor is faster at that) or
   * `reference` (plain loops).
   */
  readonly backend?: Backend;
  /** Threads that share the work, the calling one included; as many as the machine runs at once if not given. */
  readonly threads?: number;
  /**
   * The library's file; for `blas` OpenBLAS, MKL, BLIS or Accelerate, whichever is found, and for `onednn` oneDNN, if not
   * given.
   */
  readonly library?: string;
}

/** What is worth knowing of kernels that were opened: a sentence where the choice gains nothing on this machine. */
export interface OpenedKernels {
  /** Sentences; none where all is as it should be. */
  readonly remarks: readonly string[];
}

const NO_GAIN =
  "--backend onednn gains nothing over blas here: this processor has no bfloat16 units that are faster, and products " +
  "are computed in 32 bits";

/** Opens the library of a backend that has one, whose code is loaded for it: few runs ask for one. */
async function openProducts(backend: Backend, path: string | undefined): Promise<Products | undefined> {
  if (backend === "blas") {
    const { blasKernels, openBlas } = await import("./blas.ts");
    const blas = openBlas({ path });
    return { over: (base) => blasKernels(base, blas), remarks: blas.remarks };
  }
  if (backend === "onednn") {
    const { oneDnnKernels, openOneDnn } = await import("./onednn.ts");
    const oneDnn = openOneDnn({ path });
    const remarks = oneDnn.units === "none" ? [NO_GAIN] : [];
    return { over: (base) => oneDnnKernels(base, oneDnn), remarks };
  }
}

/**
 * Chooses the provider of f32 kernels for all that follows; without a call it is `wasm` with all threads. Results do not
 * depend on the number of threads, to the last bit; those of `blas` and `onednn` may, within rounding.
 *
 * @throws RangeError when the backend is not one of these, or threads is no whole number from 1 to 64
 * @throws Error when there is no library for the backend, when calling it is not permitted, or when it is none
 */
export async function openKernels(options: KernelOptions): Promise<OpenedKernels> {
  const { backend: chosen = "wasm", threads: count = defaultThreads(), library } = options;
  const refuse = (what: string): RangeError => new RangeError(`Cannot open kernels as ${what}`);
  if (!BACKENDS.includes(chosen)) {
    throw refuse(`backend must be one of ${BACKENDS.join(", ")}: current value is ${chosen}`);
  }
  if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS) {
    throw refuse(`threads must be a whole number from 1 to ${MAX_THREADS}: current value is ${count}`);
  }
  if (library !== undefined && chosen !== "blas" && chosen !== "onednn") {
    throw refuse(`a library is for backends blas and onednn alone: current backend is ${chosen}`);
  }
  const opened = await openProducts(chosen, library);
  if (count !== threads || opened !== undefined || products !== undefined) {
    fast?.close?.();
    fast = undefined;
  }
  [backend, threads, products, active] = [chosen, count, opened, undefined];
  return { remarks: opened?.remarks ?? [] };
}

/** The wasm provider, or the reference where the engine has no SIMD; its threads call a library's function too. */
function fastest(callee?: Callee): Kernels<Floats> & Partial<WasmKernels> {
  const target = detectTarget();
  return fast ??= target === undefined ? reference : wasmKernels(target, { threads, callee });
}

/**
 * Rows of logits that are made at once. They are part of the definition of the sums over them; a library, which promises no
 * bits, prepares all of the vocabulary's matrix for each product, and gets more rows for that.
 */
const ROWS = { own: 128, library: 256 };

/** How many rows a product with a large matrix has, where all rows would take too much memory. */
export function rowsAtOnce(dtype: "f32" | "f64"): number {
  return dtype === "f32" && products !== undefined ? ROWS.library : ROWS.own;
}

/** The active provider for a type: f64 is computed by `reference` always. */
export function kernels(dtype: "f32" | "f64"): Kernels<Floats> {
  if (isDry()) return idle;
  if (dtype === "f64" || backend === "reference") return reference;
  return active ??= products?.over(fastest) ?? fastest();
}
