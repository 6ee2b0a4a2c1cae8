import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { addRow, attention, chosenLogProbs, gatherRows, linear } from "../../lib/grad/layers.ts";
import { gelu, geluGate, siluGate, softcap } from "../../lib/grad/activations.ts";
import { layerNorm, rmsNorm } from "../../lib/grad/norms.ts";
import { rotary, type RotaryScaling, rotaryTable } from "../../lib/grad/rotary.ts";
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

Deno.test("linear() with a bias, layerNorm(), gelu(), geluGate() and softcap() have the gradients of central differences", () => {
  const wide = random("x", [5, 3]);
  agree((p) => linear(p.x, p.w, p.b), { x: wide, w: random("w", [4, 3]), b: random("b", [4]) });
  agree((p) => addRow(p.x, p.b), { x: wide, b: random("b", [3]) });
  agree((p) => layerNorm(p.x, [p.w, p.b], 1e-2), { x: wide, w: random("w", [3]), b: random("b", [3]) });
  for (const approximate of ["none", "tanh"] as const) {
    agree((p) => gelu(p.x, approximate), { x: wide });
    agree((p) => geluGate(p.a, p.b, approximate), { a: wide, b: random("b", [5, 3]) });
  }
  agree((p) => softcap(p.x, 1.5), { x: wide });
});

Deno.test("rotary() has the gradient of central differences, whether it turns all of a head or its beginning", () => {
  const table = rotaryTable(9, { headDim: 4, theta: 100, dtype: "f64" });
  const x = random("x", [3, 16]);
  agree((p) => rotary(p.x, Int32Array.of(0, 3, 8), table), { x });
  agree((p) => rotary(p.x, Int32Array.of(0, 3, 8), table, { headDim: 8 }), { x });
});

Deno.test("rotary() leaves what is beyond the turned numbers of each head as it is", () => {
  const [table, x] = [rotaryTable(9, { headDim: 4, theta: 100, dtype: "f64" }), random("x", [1, 16])];
  const [turned, heads] = [rotary(x, Int32Array.of(5), table, { headDim: 8 }).data, [0, 8]];
  for (const at of heads) {
    assertEquals([...turned.slice(at + 4, at + 8)], [...x.data.slice(at + 4, at + 8)]);
    const alone = rotary(tensor([1, 4], x.data.slice(at, at + 4), "f64"), Int32Array.of(5), table).data;
    assertEquals([...turned.slice(at, at + 4)], [...alone]);
  }
});

Deno.test("rotaryTable() keeps, blends or divides a frequency by the turns it makes in the original context", () => {
  // theta 10^4, four frequencies 1, 0.1, 0.01, 0.001: in 200 tokens 31.8, 3.18, 0.318 and 0.0318 turns.
  const scaling: RotaryScaling = {
    type: "llama3",
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalContextLength: 200,
  };
  const s = (20 / (2 * Math.PI) - 1) / 3;
  const angles = (scaling?: RotaryScaling): number[] => [
    ...rotaryTable(2, { headDim: 8, theta: 1e4, dtype: "f64", scaling }).sin.data.slice(4).map(Math.asin),
  ];
  const near = (actual: number[], expected: number[]): void =>
    expected.forEach((x, i) => assertAlmostEquals(actual[i] ?? NaN, x, 1e-15));
  near(angles(scaling), [1, 0.1 * ((1 - s) / 8 + s), 0.00125, 0.000125]);
  near(angles({ type: "linear", factor: 4 }), [0.25, 0.025, 0.0025, 0.00025]);
});

Deno.test("rotaryTable() by YaRN and LongRoPE divides frequencies pair by pair, and scales cosines and sines", () => {
  // theta 10^4, four pairs. The pair that makes r turns in 200 tokens is number ln(200 / 2πr) / ln 10: 0.903 of 4, 1.805 of ½.
  const base = {
    type: "yarn",
    factor: 8,
    betaFast: 4,
    betaSlow: 0.5,
    originalContextLength: 200,
    attentionFactor: 0.5,
  } as const;
  const table = (scaling: RotaryScaling, positions = 2): number[] => [
    ...rotaryTable(positions, { headDim: 8, theta: 1e4, dtype: "f64", scaling }).sin.data.slice(4),
  ];
  const at = (turns: number): number => Math.log10(200 / (2 * Math.PI * turns));
  const sines = (kept: readonly number[]): number[] => kept.map((k, j) => 0.5 * Math.sin(10 ** -j * (k + (1 - k) / 8)));
  const near = (actual: number[], expected: number[]): void =>
    expected.forEach((x, i) => assertAlmostEquals(actual[i] ?? NaN, x, 1e-15));
  near(table({ ...base, truncate: true }), sines([1, 0.5, 0, 0])); // from 0 to 2
  near(table({ ...base, truncate: false }), sines([1, 1 - (1 - at(4)) / (at(0.5) - at(4)), 0, 0]));
  const long = { type: "longrope", factors: [1, 2, 4, 8], originalContextLength: 2, attentionFactor: 3 } as const;
  near(table(long), [1, 2, 4, 8].map((by, j) => 3 * Math.sin(10 ** -j / by)));
  assertThrows(() => table(long, 3), RangeError, "LongRoPE has others beyond its 2 positions: there are 3");
  assertThrows(() => table({ ...long, factors: [1] }), RangeError, "there must be 4 factors: there are 1");
});

Deno.test("gelu() has the values of the normal distribution, its approximation those of the tanh", () => {
  // 1·Φ(1), −2·Φ(−2), 0.1·Φ(0.1), −6.5·Φ(−6.5) by the C library's erfc
  const x = tensor([4], [1, -2, 0.1, -6.5], "f64");
  const expected = [0.84134474606854293, -0.045500263896358417, 0.053982783727702899, -2.6104003795084313e-10];
  expected.forEach((y, i) => assertAlmostEquals(gelu(x, "none").data[i] ?? NaN, y, 1e-14));
  const tanh = (x: number): number => x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
  [...x.data].forEach((x, i) =>
    assertAlmostEquals(gelu(tensor([1], [x], "f64"), "tanh").data[0] ?? NaN, tanh(x), 1e-15, `${i}`)
  );
});

Deno.test("attention() over shared prefixes and grouped heads has the gradients of central differences", () => {
  const shape = { heads: 4, kvHeads: 2, headDim: 3, scale: 0.7 };
  const params = { q: random("q", [11, 12]), k: random("k", [11, 6]), v: random("v", [11, 6]) };
  agree((p) => attention([p.q, p.k, p.v], segments, shape), params);
  agree((p) => attention([p.q, p.k, p.v], segments, { ...shape, window: 2, softcap: 0.6 }), params);
});

Deno.test("a window counts the tokens of a sequence, across the border of prompt and completion", () => {
  // One sequence of 8 tokens in a row, and as a prompt of 3 with a completion behind another one's rows.
  const shape = { heads: 2, kvHeads: 1, headDim: 2, scale: 0.7, window: 3 };
  const [q, k, v] = [random("q", [8, 4]), random("k", [8, 2]), random("v", [8, 2])];
  const whole = attention([q, k, v], Int32Array.of(0, 8, 0, 0, 0, 0), shape).data;
  const shared = attention([q, k, v], Int32Array.of(0, 3, 0, 0, 0, 0, 3, 8, 0, 3, 3, 0), shape).data;
  assertEquals([...shared], [...whole]);
  // Position 5 sees 3, 4 and 5, and no other.
  const lone = attention([q, k, v], Int32Array.of(5, 6, 0, 0, 3, 2), { ...shape, window: 99 }).data;
  assertEquals([...lone.slice(20, 24)], [...whole.slice(20, 24)]);
});

Deno.test("chosenLogProbs() has the gradients of central differences across chunks of rows", () => {
  const targets = Int32Array.from({ length: 300 }, (_, i) => (i * 7) % 11);
  agree((p) => chosenLogProbs(p.h, p.w, targets), { h: random("h", [300, 3]), w: random("w", [11, 3]) });
  const capped = { softcap: 1.2 };
  agree((p) => chosenLogProbs(p.h, p.w, targets, capped), { h: random("h", [300, 3]), w: random("w", [11, 3]) });
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
