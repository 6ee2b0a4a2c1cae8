/** Which provider computes: the one choice a program makes about kernels, and it shows nowhere else. */

import { type Blas, blasKernels, openBlas } from "./blas.ts";
import type { Floats, Kernels } from "./kernels.ts";
import { reference } from "./reference.ts";
import { type WasmKernels, wasmKernels } from "./wasm/kernels.ts";
import { detectTarget } from "./wasm/module.ts";
import { MAX_THREADS } from "./wasm/team.ts";

/** The providers that can be chosen. */
export type Backend = "wasm" | "blas" | "reference";

const BACKENDS: readonly Backend[] = ["wasm", "blas", "reference"];

let backend: Backend = "wasm";

/** Threads of the wasm provider, the calling one included. */
let threads = defaultThreads();

/** The wasm provider, or the reference where there can be none; made at its first use. */
let fast: Kernels<Floats> & Partial<WasmKernels> | undefined;

/** The library of the blas provider. */
let blas: Blas | undefined;

/** The chosen provider for f32, made at its first use. */
let active: Kernels<Floats> | undefined;

/** As many threads as the machine runs at once, 8 at most. */
export function defaultThreads(): number {
  return Math.min(Math.max(globalThis.navigator?.hardwareConcurrency ?? 1, 1), 8);
}

/** Which provider, and how many threads it may use. */
export interface KernelOptions {
  /**
   * `wasm` (SIMD, the default), `blas` (the same with matrix products by a library of this machine, for which Deno needs
   * `--allow-ffi`) or `reference` (plain loops).
   */
  readonly backend?: Backend;
  /** Threads that share the work of `wasm`, the calling one included; as many as the machine runs at once if not given. */
  readonly threads?: number;
  /** The library's file for `blas`; OpenBLAS, MKL, BLIS or Accelerate, whichever is found, if not given. */
  readonly blas?: string;
}

/**
 * Chooses the provider of f32 kernels for all that follows; without a call it is `wasm` with all threads. Results do not
 * depend on the number of threads, to the last bit; those of `blas` may, within rounding.
 *
 * @throws RangeError when the backend is not one of these, or threads is no whole number from 1 to 64
 * @throws Error when there is no library for `blas`, when calling it is not permitted, or when it is no BLAS
 */
// deno-lint-ignore require-await -- what is thrown is a rejection
export async function openKernels(options: KernelOptions): Promise<void> {
  const { backend: chosen = "wasm", threads: count = defaultThreads(), blas: path } = options;
  const refuse = (what: string): RangeError => new RangeError(`Cannot open kernels as ${what}`);
  if (!BACKENDS.includes(chosen)) {
    throw refuse(`backend must be one of ${BACKENDS.join(", ")}: current value is ${chosen}`);
  }
  if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS) {
    throw refuse(`threads must be a whole number from 1 to ${MAX_THREADS}: current value is ${count}`);
  }
  if (path !== undefined && chosen !== "blas") {
    throw refuse(`a library is for backend blas alone: current backend is ${chosen}`);
  }
  blas = chosen === "blas" ? openBlas({ path, threads: count }) : undefined;
  if (count !== threads) {
    fast?.close?.();
    fast = undefined;
  }
  backend = chosen;
  threads = count;
  active = undefined;
}

/** The wasm provider, or the reference where the engine has no SIMD. */
function fastest(): Kernels<Floats> {
  const target = detectTarget();
  return fast ??= target === undefined ? reference : wasmKernels(target, { threads });
}

/** The active provider for a type: f64 is computed by `reference` always. */
export function kernels(dtype: "f32" | "f64"): Kernels<Floats> {
  if (dtype === "f64" || backend === "reference") return reference;
  return active ??= blas === undefined ? fastest() : blasKernels(fastest(), blas);
}
