/** The wasm provider: emitted SIMD kernels, and the reference where emitting is not worth it. */

import { type AttentionShape, type Floats, type Kernels, SEGMENT } from "../kernels.ts";
import { allocate, memory, withScratch } from "../memory.ts";
import { reference } from "../reference.ts";
import { SLACK } from "./attention.ts";
import { unaryOps } from "./elementwise.ts";
import type { Target } from "./encode.ts";
import { open, type Run } from "./module.ts";
import { multiplication } from "./multiply.ts";

const { buffer } = memory;

/** The address of an array's first element. */
function at(x: Floats): number {
  if (x.buffer !== buffer || x.BYTES_PER_ELEMENT !== 4) {
    throw new TypeError("Cannot run wasm kernels as arrays must be 32-bit views of the shared memory");
  }
  return x.byteOffset;
}

/** Runs `body` with the address of integers, which may lie anywhere and are copied in if need be. */
function withInts(ints: Int32Array, body: (address: number) => void): void {
  if (ints.buffer === buffer) return body(ints.byteOffset);
  withScratch(() => {
    const { offset } = allocate(ints.byteLength);
    new Int32Array(buffer, offset, ints.length).set(ints);
    body(offset);
  });
}

const isUnary = (op: string): op is typeof unaryOps[number] => (unaryOps as readonly string[]).includes(op);

function elementwise(run: Run): Pick<Kernels<Floats>, "map" | "zip" | "axpy" | "adam" | "sumOfSquares"> {
  return {
    map: (op, x, out) => {
      if (isUnary(op)) run[`map_${op}`](at(x), at(out), out.byteLength);
      else reference.map(op, x, out);
    },
    zip: (op, a, b, out) => {
      const form = a.length === b.length ? "arrays" : b.length === 1 ? "left" : "right";
      if (a.length === 1 && b.length === 1 && out.length > 1) reference.zip(op, a, b, out);
      else run[`zip_${op}_${form}`](at(a), at(b), at(out), out.byteLength);
    },
    axpy: (alpha, x, y, out) => void run.axpy(alpha, at(x), at(y), at(out), out.byteLength),
    adam: (g, m, v, mOut, vOut, u, { beta1, beta2, eps, correction1, correction2 }) => {
      const numbers = [beta1, 1 - beta1, beta2, 1 - beta2, eps, 1 / correction1, 1 / correction2];
      run.adam(at(g), at(m), at(v), at(mOut), at(vOut), at(u), g.byteLength, ...numbers);
    },
    sumOfSquares: (x) => run.sumOfSquares(at(x), x.byteLength),
  };
}

/**
 * Rows whose share of a weight's gradient is summed apart: part of the definition of the sum, so that threads may split
 * it.
 */
const ROWS_IN_BLOCK = 64;

function norms(run: Run): Pick<Kernels<Floats>, "rmsNorm" | "rmsNormBackward"> {
  return {
    rmsNorm: (x, weight, out, dim, eps) => {
      run.rmsNorm(at(x), at(x) + x.byteLength, at(weight), at(out), dim * 4, 1 / dim, eps);
    },
    rmsNormBackward: (x, weight, g, dx, dWeight, dim, eps) => {
      const [end, step] = [x.byteLength, ROWS_IN_BLOCK * dim * 4];
      dWeight.fill(0);
      withScratch(() => {
        const { offset } = allocate(dim * 4);
        const sums = new Float32Array(buffer, offset, dim);
        for (let from = 0; from < end; from += step) {
          const rows = [at(x) + from, at(x) + Math.min(from + step, end)];
          sums.fill(0);
          run.rmsNormBackward(
            ...[...rows, at(weight), at(g) + from, at(dx) + from, offset, dim * 4, 1 / dim, eps],
          );
          run.axpy(1, offset, at(dWeight), at(dWeight), dim * 4);
        }
      });
    },
  };
}

function tokens(
  run: Run,
): Pick<Kernels<Floats>, "gatherRows" | "scatterAddRows" | "rotary" | "logProbRows" | "logProbRowsBackward"> {
  return {
    gatherRows: (table, ids, out, dim) =>
      withInts(ids, (rows) => run.gatherRows(at(table), rows, at(out), ids.length, dim * 4)),
    scatterAddRows: (x, ids, out, dim) =>
      withInts(ids, (rows) => run.scatterAddRows(at(x), rows, at(out), ids.length, dim * 4)),
    rotary: (x, positions, cos, sin, out, heads, headDim, direction) =>
      withInts(positions, (angles) => {
        const sizes = [positions.length, heads, headDim * 2];
        run.rotary(at(x), angles, at(cos), at(sin), at(out), ...sizes, direction);
      }),
    logProbRows: (logits, targets, logps, lse, vocab) =>
      withInts(targets, (ids) => run.logProbRows(at(logits), ids, at(logps), at(lse), targets.length, vocab * 4)),
    logProbRowsBackward: (logits, targets, lse, g, vocab) =>
      withInts(targets, (ids) => run.logProbRowsBackward(at(logits), ids, at(lse), at(g), targets.length, vocab * 4)),
  };
}

/** How many queries the segments name, and the most keys one of them sees. */
function extent(segments: Int32Array): { readonly queries: number; readonly keys: number } {
  let [queries, keys] = [0, 0];
  for (let s = 0; s < segments.length; s += SEGMENT) {
    const [start, end, prefixStart, prefixEnd, , past] = segments.subarray(s, s + SEGMENT) as Iterable<number>;
    queries += end! - start!;
    keys = Math.max(keys, prefixEnd! - prefixStart! + past! + end! - start!);
  }
  return { queries, keys };
}

function attentions(run: Run): Pick<Kernels<Floats>, "attention" | "attentionBackward"> {
  /** Runs `body` with what both directions are given behind their arrays; scratch rows are `row` bytes apart. */
  const prepare = (segments: Int32Array, shape: AttentionShape, body: (sizes: number[], ds: number) => void): void => {
    const { heads, kvHeads, headDim, scale } = shape;
    const row = 4 * (extent(segments).keys + SLACK);
    withScratch(() => {
      const { offset } = allocate(3 * row);
      withInts(segments, (from) => {
        const sizes = [from, from + segments.byteLength, 0, heads, heads, kvHeads, headDim * 4, scale];
        body([...sizes, offset, offset + row], offset + 2 * row);
      });
    });
  };
  return {
    attention: (q, k, v, segments, out, lse, shape) => {
      if (shape.headDim % 4 !== 0) return reference.attention(q, k, v, segments, out, lse, shape);
      if (extent(segments).queries * shape.heads < lse.length) {
        out.fill(0);
        lse.fill(0);
      }
      prepare(segments, shape, (sizes) => run.attention(at(q), at(k), at(v), at(out), at(lse), ...sizes));
    },
    attentionBackward: (q, k, v, out, lse, g, segments, dq, dk, dv, shape) => {
      if (shape.headDim % 4 !== 0) {
        return reference.attentionBackward(q, k, v, out, lse, g, segments, dq, dk, dv, shape);
      }
      if (extent(segments).queries * shape.heads < lse.length) dq.fill(0);
      dk.fill(0);
      dv.fill(0);
      prepare(segments, shape, (sizes, ds) => {
        const gradients = [at(g), at(dq), at(dk), at(dv), ds];
        run.attentionBackward(at(q), at(k), at(v), at(out), at(lse), ...sizes, ...gradients);
      });
    },
  };
}

/** The provider for f32 on an engine. */
export function wasmKernels(target: Target): Kernels<Floats> {
  const run = open(target);
  return {
    ...reference,
    name: "wasm",
    gemm: multiplication(run, at),
    ...elementwise(run),
    ...norms(run),
    ...tokens(run),
    ...attentions(run),
    siluGate: (gate, up, out) => void run.siluGate(at(gate), at(up), at(out), out.byteLength),
    siluGateBackward: (gate, up, g, dGate, dUp) =>
      void run.siluGateBackward(at(gate), at(up), at(g), at(dGate), at(dUp), g.byteLength),
  };
}
