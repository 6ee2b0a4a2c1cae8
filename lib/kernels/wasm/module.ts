/** The module of all kernels, emitted for the engine at hand, over the shared memory. */

import type { Half } from "../half.ts";
import type { AdamStep, BinaryOp } from "../kernels.ts";
import { buffer } from "../address_space.ts";
import { f32x4, func, v128 } from "./assembler.ts";
import * as attention from "./attention.ts";
import { attentionBackward } from "./attention_backward.ts";
import { drawRows } from "./draw.ts";
import * as elementwise from "./elementwise.ts";
import { encodeModule, type Func, type Memory, type Target } from "./encode.ts";
import { multiplyFewByEach, multiplyFewRows } from "./few_rows.ts";
import * as gelu from "./gelu.ts";
import { multiplyRows, packColumns } from "./gemm.ts";
import { layerNorm, layerNormBackward } from "./layer_norm.ts";
import { multiplyOneOrTwo } from "./one_or_two_rows.ts";
import * as optimizer from "./optimizer.ts";
import { roundRows } from "./pack.ts";
import { multiplyPanelsByEach, packAllRows } from "./panels.ts";
import * as rows from "./rows.ts";
import { widens } from "./widen.ts";

const PAGE = 65_536;

/** The memory of all modules. */
function limits(): Memory {
  return { pages: buffer().byteLength / PAGE, shared: !(buffer() instanceof ArrayBuffer) };
}

const named = {
  packColumns,
  multiplyRows,
  multiplyFewRows,
  multiplyOneOrTwo,
  multiplyFewByEach,
  multiplyPanelsByEach,
  packAllRows,
  roundRows,
  attention: attention.attention,
  attentionBackward,
  axpy: elementwise.axpy,
  sumsOfSquares: optimizer.sumsOfSquares,
  siluGate: elementwise.siluGate,
  siluGateBackward: elementwise.siluGateBackward,
  softcap: gelu.softcap,
  softcapBackward: gelu.softcapBackward,
  gatherRows: rows.gatherRows,
  scatterAddRows: rows.scatterAddRows,
  rmsNorm: rows.rmsNorm,
  rmsNormBackward: rows.rmsNormBackward,
  layerNorm,
  layerNormBackward,
  rotary: rows.rotary,
  drawRows,
  logProbRows: rows.logProbRows,
  logProbRowsBackward: rows.logProbRowsBackward,
} satisfies Record<string, Func>;

/** The functions' names. */
export type Name =
  | keyof typeof named
  | `widen_${Half}`
  | `adamw_${AdamStep["into"]}`
  | gelu.GeluName
  | `map_${typeof elementwise.unaryOps[number]}`
  | `zip_${BinaryOp}_${elementwise.ZipForm}`;

/** The smallest module that needs what `fma` says, to ask the engine. */
function probe(fma: boolean): Uint8Array<ArrayBuffer> {
  const x = v128.load(0);
  return encodeModule([func("probe", {}, () => v128.store(0, f32x4.madd(x, x, x)))], { address: "i32", fma }, {
    pages: 1,
    shared: false,
  });
}

/** What the engine offers, or nothing where it has no SIMD. */
export function detectTarget(
  validate: (module: Uint8Array<ArrayBuffer>) => boolean = WebAssembly.validate,
): Target | undefined {
  return validate(probe(false)) ? { address: "i32", fma: validate(probe(true)) } : undefined;
}

/** The module's bytes. */
export function emit(target: Target, memory: Memory = limits()): Uint8Array<ArrayBuffer> {
  const funcs = [
    ...Object.values(named),
    ...widens,
    ...optimizer.adamws,
    ...elementwise.maps,
    ...elementwise.zips,
    ...gelu.gelus,
  ];
  return encodeModule(funcs, target, memory);
}

/** The kernels, compiled. */
export function compile(target: Target): WebAssembly.Module {
  return new WebAssembly.Module(emit(target));
}
