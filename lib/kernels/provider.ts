/** Which provider computes: the one choice a program makes about kernels, and it shows nowhere else. */

import type { Floats, Kernels } from "./kernels.ts";
import { reference } from "./reference.ts";
import { type WasmKernels, wasmKernels } from "./wasm/kernels.ts";
import { detectTarget } from "./wasm/module.ts";
import { MAX_THREADS } from "./wasm/team.ts";

/** The providers that can be chosen. */
export type Backend = "wasm" | "reference";

let backend: Backend = "wasm";

/** Threads of the wasm provider, the calling one included. */
let threads = defaultThreads();

/** The fast provider for f32, made at its first use. */
let fast: WasmKernels | undefined;

/** As many threads as the machine runs at once, 8 at most. */
export function defaultThreads(): number {
  return Math.min(Math.max(globalThis.navigator?.hardwareConcurrency ?? 1, 1), 8);
}

/** Which provider, and how many threads it may use. */
export interface KernelOptions {
  /** `wasm` (SIMD, the default) or `reference` (plain loops). */
  readonly backend?: Backend;
  /** Threads that share the work of `wasm`, the calling one included; as many as the machine runs at once if not given. */
  readonly threads?: number;
}

/**
 * Chooses the provider of f32 kernels for all that follows; without a call it is `wasm` with all threads. Results do not
 * depend on the number of threads, to the last bit.
 *
 * @throws RangeError when the backend is not one of these, or threads is no whole number from 1 to 64
 */
export function openKernels(options: KernelOptions): Promise<void> {
  const { backend: chosen = "wasm", threads: count = defaultThreads() } = options;
  const refuse = (what: string): Promise<void> => Promise.reject(new RangeError(`Cannot open kernels as ${what}`));
  if (chosen !== "wasm" && chosen !== "reference") {
    return refuse(`backend must be wasm or reference: current value is ${chosen}`);
  }
  if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS) {
    return refuse(`threads must be a whole number from 1 to ${MAX_THREADS}: current value is ${count}`);
  }
  if (count !== threads) {
    fast?.close();
    fast = undefined;
  }
  backend = chosen;
  threads = count;
  return Promise.resolve();
}

/** The active provider for a type: f64 is computed by `reference` always. */
export function kernels(dtype: "f32" | "f64"): Kernels<Floats> {
  if (dtype === "f64" || backend === "reference") return reference;
  if (fast !== undefined) return fast;
  const target = detectTarget();
  return target === undefined ? reference : fast = wasmKernels(target, { threads });
}
