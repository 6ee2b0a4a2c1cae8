/** The module of all kernels, emitted for the engine at hand, over the shared memory. */

import { memory } from "../memory.ts";
import { f32x4, func, v128 } from "./assembler.ts";
import { encodeModule, type Func, type Target } from "./encode.ts";
import { multiplyRows, packColumns } from "./gemm.ts";

const PAGE = 65_536;

const exported = { packColumns, multiplyRows } satisfies Record<string, Func>;

/** The emitted functions by name; addresses, sizes in bytes and counts are numbers. */
export type Run = Readonly<Record<keyof typeof exported, (...args: number[]) => number>>;

/** The smallest module that needs what `fma` says, to ask the engine. */
function probe(fma: boolean): Uint8Array<ArrayBuffer> {
  const x = v128.load(0);
  return encodeModule([func("probe", {}, () => v128.store(0, f32x4.madd(x, x, x)))], { address: "i32", fma }, 1);
}

/** What the engine offers, or nothing where it has no SIMD. */
export function target(): Target | undefined {
  if (!WebAssembly.validate(probe(false))) return undefined;
  return { address: "i32", fma: WebAssembly.validate(probe(true)) };
}

/** Emits, compiles and opens the kernels. */
export function open(target: Target): Run {
  const bytes = encodeModule(Object.values(exported), target, memory.buffer.byteLength / PAGE);
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports as unknown as Run;
}
