import { assertAlmostEquals, assertLess, assertThrows } from "@std/assert";
import {
  attention,
  chosenLogProbs,
  gatherRows,
  linear,
  rmsNorm,
  rotary,
  rotaryTable,
  siluGate,
} from "../../lib/grad/layers.ts";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { item, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { sum } from "../../lib/grad/ops.ts";

/** A random f64 tensor whose numbers are those of its name. */
function random(name: string, shape: number[]): Tensor {
  return tensor(shape, normal(fold(key(3), name), shape.reduce((a, b) => a * b, 1)), "f64");
}

/** Fails unless analytic and numeric projections agree for three random directions. */
function agree<P>(f: (params: P) => Tensor, params: P): void {
  for (const seed of [1, 2, 3]) assertLess(checkGrads(f, params, { key: key(seed) }).error, 1e-8);
}

const ids = Int32Array.of(2, 0, 2, 1, 4);
// A prompt of 3 tokens with two completions of 2 and 3, then a prompt of its own with one completion of 2.
const segments = Int32Array.from([
  [0, 3, 0, 0, 0, 0],
  [3, 5, 0, 3, 3, 0],
  [5, 8, 0, 3, 5, 0],
  [8, 9, 0, 0, 8, 0],
  [9, 11, 8, 9, 9, 0],
].flat());

Deno.test("linear(), gatherRows(), rmsNorm() and siluGate() have the gradients of central differences", () => {
  agree((p) => linear(p.x, p.w), { x: random("x", [5, 3]), w: random("w", [4, 3]) });
  agree((p) => gatherRows(p.table, ids), { table: random("table", [5, 3]) });
  agree((p) => rmsNorm(p.x, p.w, 1e-5), { x: random("x", [5, 3]), w: random("w", [3]) });
  agree((p) => siluGate(p.a, p.b), { a: random("a", [5, 3]), b: random("b", [5, 3]) });
});

Deno.test("rotary() has the gradient of central differences", () => {
  const table = rotaryTable(9, { headDim: 4, theta: 100, dtype: "f64" });
  agree((p) => rotary(p.x, Int32Array.of(0, 3, 8), table), { x: random("x", [3, 8]) });
});

Deno.test("attention() over shared prefixes and grouped heads has the gradients of central differences", () => {
  const shape = { heads: 4, kvHeads: 2, headDim: 3, scale: 0.7 };
  const params = { q: random("q", [11, 12]), k: random("k", [11, 6]), v: random("v", [11, 6]) };
  agree((p) => attention([p.q, p.k, p.v], segments, shape), params);
});

Deno.test("chosenLogProbs() has the gradients of central differences across chunks of rows", () => {
  const targets = Int32Array.from({ length: 300 }, (_, i) => (i * 7) % 11);
  agree((p) => chosenLogProbs(p.h, p.w, targets), { h: random("h", [300, 3]), w: random("w", [11, 3]) });
});

Deno.test("chosenLogProbs() of equal logits is −ln V", () => {
  const out = chosenLogProbs(tensor([3, 2], [0, 0, 0, 0, 0, 0], "f64"), random("w", [10, 2]), Int32Array.of(3, 7, 0));
  assertAlmostEquals(item(sum(out)), -3 * Math.log(10), 1e-14);
});

Deno.test("layers refuse sizes that do not fit, naming both", () => {
  assertThrows(() => linear(random("x", [5, 3]), random("w", [4, 2])), TypeError, "x f64 [5, 3], weight f64 [4, 2]");
  assertThrows(() => gatherRows(random("t", [2, 3]), Int32Array.of(0, 2)), RangeError, "ids[1] is 2");
  assertThrows(
    () => chosenLogProbs(random("h", [1, 3]), random("w", [4, 3]), Int32Array.of(9)),
    RangeError,
    "targets[0] is 9",
  );
});
