/** The wasm provider: emitted SIMD kernels, and the reference where emitting is not worth it. */

import type { Floats, Kernels } from "../kernels.ts";
import { allocateForever, memory } from "../memory.ts";
import { reference } from "../reference.ts";
import { WORKSPACE } from "./gemm.ts";
import { open, target } from "./module.ts";
import { gemmWith } from "./multiply.ts";

/** The provider for f32, or nothing where the engine has no SIMD. */
export function wasmKernels(): Kernels<Floats> | undefined {
  const engine = target();
  if (engine === undefined) return undefined;
  const run = open(engine);
  const room = { columns: allocateForever(WORKSPACE.columns), rows: allocateForever(WORKSPACE.rows) };
  const { buffer } = memory;
  const addressOf = (x: Floats): number => {
    if (x.buffer !== buffer) {
      throw new TypeError("Cannot run wasm kernels as arrays must be views of the shared memory");
    }
    return x.byteOffset;
  };
  return { ...reference, name: "wasm", gemm: gemmWith(run, addressOf, room) };
}
