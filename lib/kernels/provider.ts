/** Which provider computes: the one choice a program makes about kernels, and it shows nowhere else. */

import type { Floats, Kernels } from "./kernels.ts";
import { reference } from "./reference.ts";
import { wasmKernels } from "./wasm/kernels.ts";
import { detectTarget } from "./wasm/module.ts";

/** The providers that can be chosen. */
export type Backend = "wasm" | "reference";

let backend: Backend = "wasm";

/** The fast provider for f32, made at its first use. */
let fast: Kernels<Floats> | undefined;

function openWasm(): Kernels<Floats> {
  const target = detectTarget();
  return target === undefined ? reference : wasmKernels(target);
}

/**
 * Chooses the provider of f32 kernels for all that follows; without a call it is `wasm`.
 *
 * @param options.backend `wasm` (SIMD, the default) or `reference` (plain loops)
 * @throws RangeError when the backend is not one of these
 */
export function openKernels(options: { readonly backend: Backend }): Promise<void> {
  if (options.backend !== "wasm" && options.backend !== "reference") {
    return Promise.reject(
      new RangeError(`Cannot open kernels as backend must be wasm or reference: current value is ${options.backend}`),
    );
  }
  backend = options.backend;
  return Promise.resolve();
}

/** The active provider for a type: f64 is computed by `reference` always. */
export function kernels(dtype: "f32" | "f64"): Kernels<Floats> {
  if (dtype === "f64" || backend === "reference") return reference;
  return fast ??= openWasm();
}
