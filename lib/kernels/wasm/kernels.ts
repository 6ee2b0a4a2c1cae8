/** The wasm provider: emitted SIMD kernels, and the reference where emitting is not worth it. */

import type { Floats, Kernels } from "../kernels.ts";
import { allocate, withScratch } from "../memory.ts";
import { reference } from "../reference.ts";
import { at, atBits, doubles, integers, withInts } from "./arrays.ts";
import { attentions } from "./attentions.ts";
import { unaryOps } from "./elementwise.ts";
import type { Target } from "./encode.ts";
import { compile, type Name } from "./module.ts";
import { linearLayers, multiplication, panelPacking } from "./multiply.ts";
import { optimizers } from "./optimizer.ts";
import { openTeam, type Team, type TeamOptions } from "./team.ts";
import { type Argument, from, own, sizeOf, upTo } from "./work.ts";

const isUnary = (op: string): op is typeof unaryOps[number] => (unaryOps as readonly string[]).includes(op);

/** Nanoseconds that a float takes in each kind of kernel, roughly. */
const COST = {
  move: 0.4,
  exp: 1.2,
  gate: 2,
  gateBackward: 3,
  softcap: 2,
  norm: 0.8,
  normBackward: 1.2,
  rotary: 0.6,
  draw: 4,
};

/** Elements are cut at cache lines, so that no two threads write into one. */
const LINE = 16;

/** What an elementwise kernel is called, and what it takes. */
interface Call {
  readonly kernel: Name;
  readonly cost: number;
  /** The arrays; one of length 1 stands for all elements. */
  readonly arrays: readonly Floats[];
  /** Numbers before the arrays. */
  readonly before?: readonly number[];
}

/** Runs an elementwise kernel over `length` floats. */
function overElements(team: Team, length: number, { kernel, cost, arrays, before = [] }: Call): void {
  const args = arrays.map((x) => x.length === 1 && length > 1 ? at(x) : from(at(x), 4));
  team.run(kernel, [...before, ...args, sizeOf(4)], { units: length, cost, align: LINE });
}

type Elementwise = "map" | "zip" | "axpy" | "siluGate" | "siluGateBackward" | Gelus | Caps;
type Gelus = "gelu" | "geluBackward" | "geluGate" | "geluGateBackward";
type Caps = "softcap" | "softcapBackward";

function elementwise(team: Team): Pick<Kernels<Floats>, Elementwise> {
  const over = (out: Floats, call: Call): void => overElements(team, out.length, call);
  return {
    map: (op, x, out) => {
      if (isUnary(op)) over(out, { kernel: `map_${op}`, cost: COST.exp, arrays: [x, out] });
      else reference.map(op, x, out);
    },
    zip: (op, a, b, out) => {
      const form = a.length === b.length ? "arrays" : b.length === 1 ? "left" : "right";
      if (a.length === 1 && b.length === 1 && out.length > 1) reference.zip(op, a, b, out);
      else over(out, { kernel: `zip_${op}_${form}`, cost: COST.move, arrays: [a, b, out] });
    },
    axpy: (alpha, x, y, out) => over(out, { kernel: "axpy", cost: COST.move, before: [alpha], arrays: [x, y, out] }),
    siluGate: (gate, up, out) => over(out, { kernel: "siluGate", cost: COST.gate, arrays: [gate, up, out] }),
    siluGateBackward: (gate, up, g, dGate, dUp) =>
      over(g, { kernel: "siluGateBackward", cost: COST.gateBackward, arrays: [gate, up, g, dGate, dUp] }),
    gelu: (x, out, form) => over(out, { kernel: `gelu_${form}`, cost: COST.gate, arrays: [x, out] }),
    geluBackward: (x, g, dx, form) =>
      over(g, { kernel: `geluBackward_${form}`, cost: COST.gateBackward, arrays: [x, g, dx] }),
    geluGate: (gate, up, out, form) =>
      over(out, { kernel: `geluGate_${form}`, cost: COST.gate, arrays: [gate, up, out] }),
    geluGateBackward: (gate, up, g, dGate, dUp, form) =>
      over(g, { kernel: `geluGateBackward_${form}`, cost: COST.gateBackward, arrays: [gate, up, g, dGate, dUp] }),
    softcap: (x, out, cap) => over(out, { kernel: "softcap", cost: COST.softcap, before: [cap], arrays: [x, out] }),
    softcapBackward: (y, g, dx, cap) =>
      over(dx, { kernel: "softcapBackward", cost: COST.move, before: [cap], arrays: [y, g, dx] }),
  };
}

/**
 * Rows whose share of a weight's gradient is summed apart: part of the definition of the sum, so that threads may split
 * it.
 */
const ROWS_IN_BLOCK = 64;

type Norms = "rmsNorm" | "rmsNormBackward" | "layerNorm" | "layerNormBackward";

function norms(team: Team): Pick<Kernels<Floats>, Norms> {
  return {
    rmsNorm: (x, weight, out, dim, eps) => {
      const row = dim * 4;
      const args = [from(at(x), row), upTo(at(x), row), at(weight), from(at(out), row), row, 1 / dim, eps];
      team.run("rmsNorm", args, { units: x.length / dim, cost: COST.norm * dim });
    },
    rmsNormBackward: (x, weight, g, dx, dWeight, dim, eps) => {
      const [row, rows] = [dim * 4, x.length / dim];
      const blocks = Math.ceil(rows / ROWS_IN_BLOCK);
      dWeight.fill(0);
      withScratch(() => {
        const { offset } = allocate(blocks * row);
        const arrays = [at(weight), from(at(g), row), from(at(dx), row), from(offset, row / ROWS_IN_BLOCK)];
        team.run("rmsNormBackward", [
          ...[from(at(x), row), upTo(at(x), row), ROWS_IN_BLOCK * row, ...arrays, row, 1 / dim, eps],
        ], { units: rows, cost: COST.normBackward * dim, align: ROWS_IN_BLOCK });
        for (let i = 0; i < blocks; i++) team.kernels.axpy(1, offset + i * row, at(dWeight), at(dWeight), row);
      });
    },
    layerNorm: (x, weight, bias, out, dim, eps) => {
      const row = dim * 4;
      const args = [from(at(x), row), upTo(at(x), row), at(weight), at(bias), from(at(out), row), row, 1 / dim, eps];
      team.run("layerNorm", args, { units: x.length / dim, cost: COST.norm * dim });
    },
    layerNormBackward: (x, weight, g, dx, dWeight, dBias, dim, eps) => {
      const [row, rows] = [dim * 4, x.length / dim];
      const blocks = Math.ceil(rows / ROWS_IN_BLOCK);
      dWeight.fill(0);
      dBias.fill(0);
      withScratch(() => {
        const { offset } = allocate(2 * blocks * row);
        const arrays = [at(weight), from(at(g), row), from(at(dx), row), from(offset, 2 * row / ROWS_IN_BLOCK)];
        team.run("layerNormBackward", [
          ...[from(at(x), row), upTo(at(x), row), ROWS_IN_BLOCK * row, ...arrays, row, 1 / dim, eps],
        ], { units: rows, cost: COST.normBackward * dim, align: ROWS_IN_BLOCK });
        for (let i = 0; i < blocks; i++) {
          const sums = offset + 2 * i * row;
          team.kernels.axpy(1, sums, at(dWeight), at(dWeight), row);
          team.kernels.axpy(1, sums + row, at(dBias), at(dBias), row);
        }
      });
    },
  };
}

type Tokens = "drawRows" | "widen" | "gatherRows" | "scatterAddRows" | "rotary" | "logProbRows" | "logProbRowsBackward";

function tokens(team: Team): Pick<Kernels<Floats>, Tokens> {
  return {
    widen: (half, bits, out) => {
      const args = [from(atBits(bits), 2), from(at(out), 4), sizeOf(4)];
      team.run(`widen_${half}`, args, { units: out.length, cost: COST.move, align: LINE });
    },
    gatherRows: (table, ids, out, dim) =>
      withInts(ids, (rows) => {
        const args: Argument[] = [at(table), from(rows, 4), from(at(out), dim * 4), sizeOf(1), dim * 4];
        team.run("gatherRows", args, { units: ids.length, cost: COST.move * dim });
      }),
    scatterAddRows: (x, ids, out, dim) =>
      withInts(ids, (rows) => team.kernels.scatterAddRows(at(x), rows, at(out), ids.length, dim * 4)),
    rotary: (x, positions, cos, sin, out, heads, headDim, direction, size = headDim) =>
      withInts(positions, (angles) => {
        const row = heads * headDim * 4;
        const arrays = [from(at(x), row), from(angles, 4), at(cos), at(sin), from(at(out), row)];
        const work = { units: positions.length, cost: COST.rotary * heads * headDim };
        team.run("rotary", [...arrays, sizeOf(1), heads, size * 2, (headDim - size) * 4, direction], work);
      }),
    logProbRows: (logits, targets, logps, lse, vocab) =>
      withInts(targets, (ids) => {
        const arrays = [from(at(logits), vocab * 4), from(ids, 4), from(at(logps), 4), from(at(lse), 4)];
        const work = { units: targets.length, cost: COST.exp * vocab };
        team.run("logProbRows", [...arrays, sizeOf(1), vocab * 4], work);
      }),
    drawRows: (logits, rows, draws, temperature, ids, probabilities, vocab) =>
      withScratch(() => {
        const [count, weights] = [rows.length, 16 * Math.ceil(vocab / 2)];
        const [drawn, into] = [doubles(2 * count), integers(2 * count)];
        const room = own(allocate(weights * team.threads).offset, weights);
        drawn.set(draws);
        into.set(rows);
        const places = [from(into.byteOffset, 4), from(drawn.byteOffset, 8)];
        const results = [from(into.byteOffset + 4 * count, 4), from(drawn.byteOffset + 8 * count, 8)];
        const work = { units: count, cost: COST.draw * vocab };
        team.run("drawRows", [at(logits), ...places, ...results, sizeOf(1), vocab * 4, temperature, room], work);
        ids.set(into.subarray(count));
        probabilities.set(drawn.subarray(count));
      }),
    logProbRowsBackward: (logits, targets, lse, g, vocab) =>
      withInts(targets, (ids) => {
        const arrays = [from(at(logits), vocab * 4), from(ids, 4), from(at(lse), 4), from(at(g), 4)];
        const work = { units: targets.length, cost: COST.exp * vocab };
        team.run("logProbRowsBackward", [...arrays, sizeOf(1), vocab * 4], work);
      }),
  };
}

/** Kernels with threads, which can be ended. */
export interface WasmKernels extends Kernels<Floats> {
  /** Ends the threads; the kernels work on without. */
  readonly close: () => void;
  /** The threads, for what else they may do. */
  readonly team: Team;
}

/** The provider for f32 on an engine. */
export function wasmKernels(target: Target, options: TeamOptions = { threads: 1 }): WasmKernels {
  const team = openTeam(compile(target), options);
  const gemm = multiplication(team, at);
  return {
    ...reference,
    name: "wasm",
    gemm,
    linears: linearLayers(team, at, gemm),
    panels: panelPacking(team, at),
    ...elementwise(team),
    ...norms(team),
    ...tokens(team),
    ...attentions(team),
    ...optimizers(team),
    close: team.close,
    team,
  };
}
