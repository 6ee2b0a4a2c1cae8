/** The most that this machine multiplies and adds by vectors of 128 bits, on any number of threads. */
import { buffer } from "../../lib/kernels/address_space.ts";
import { allocateForever } from "../../lib/kernels/memory.ts";
import { f32x4, func, loop, v128 } from "../../lib/kernels/wasm/assembler.ts";
import { encodeModule, type Target } from "../../lib/kernels/wasm/encode.ts";
import type { Name } from "../../lib/kernels/wasm/module.ts";
import { openTeam } from "../../lib/kernels/wasm/team.ts";
import { sizeOf } from "../../lib/kernels/wasm/work.ts";

/** Sums that depend on nothing but themselves: more than the latency of an addition times the units that add. */
const SUMS = 12;
/** Turns of the loop in a unit of work, and what a unit takes in nanoseconds, about. */
const [TURNS, COST] = [1000, 4000];

/** Some work, and the operations in it. */
export interface Timed {
  readonly run: () => void;
  readonly operations: number;
}

/** A loop of multiply-adds in registers and nothing else, a millisecond of it on every thread. */
export function peak(target: Target, threads: number): Timed {
  const room = allocateForever(16);
  const kernel = func("peak", { units: "address" }, ({ units }, local) => {
    const [unit, turn, x, y] = [local("address"), local("address"), local("v128"), local("v128")];
    const sums = Array.from({ length: SUMS }, () => local("v128"));
    const step = sums.map((sum) => sum.set(f32x4.madd(x, y, sum)));
    return [
      [x.set(f32x4.of(0.5)), y.set(f32x4.of(0.25))],
      loop(unit, 0, units, 1, loop(turn, 0, TURNS, 1, [step, step])),
      sums.map((sum) => v128.store(room, sum)),
    ];
  });
  const limits = { pages: buffer().byteLength / 65_536, shared: buffer() instanceof SharedArrayBuffer };
  const team = openTeam(new WebAssembly.Module(encodeModule([kernel], target, limits)), { threads, reluctance: 0 });
  const units = 250 * threads;
  return {
    run: () => team.run("peak" as Name, [sizeOf(1)], { units, cost: COST }),
    operations: units * TURNS * 2 * SUMS * 8,
  };
}
