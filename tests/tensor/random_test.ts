import { assert, assertAlmostEquals, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { choice, fold, integer, key, normal, permutation, split, uniform } from "../../lib/tensor/random.ts";

Deno.test("key() is Threefry-2x32-20: the known answers of Random123", () => {
  // kat_vectors: threefry2x32 20 rounds, key and counter all zero → 6b200159 99ba4efe
  assertEquals(key(0).map((w) => w.toString(16)), ["6b200159", "99ba4efe"]);
});

Deno.test("fold() gives one child per datum, and neither names nor numbers collide", () => {
  const root = key(1);
  const children = ["a", "b", "step", 0, 1, 2, 2 ** 40].map((d) => fold(root, d).join());
  assertEquals(new Set(children).size, 7);
  assertEquals(fold(root, "a"), fold(root, "a"));
  assertNotEquals(fold(root, "a"), fold(key(2), "a"));
  assertEquals(split(root, 3), [0, 1, 2].map((i) => fold(root, i)));
});

Deno.test("uniform() has mean ½ and variance 1/12, normal() mean 0 and variance 1", () => {
  const n = 40_000;
  const moments = (x: Float64Array): [number, number] => {
    const mean = x.reduce((a, b) => a + b, 0) / n;
    return [mean, x.reduce((a, b) => a + (b - mean) ** 2, 0) / n];
  };
  const [um, uv] = moments(uniform(key(3), n));
  assertAlmostEquals(um, 0.5, 5 * Math.sqrt(1 / 12 / n));
  assertAlmostEquals(uv, 1 / 12, 5 * Math.sqrt(1 / 180 / n));
  const [nm, nv] = moments(normal(key(4), n));
  assertAlmostEquals(nm, 0, 5 / Math.sqrt(n));
  assertAlmostEquals(nv, 1, 5 * Math.sqrt(2 / n));
});

Deno.test("integer(), choice() and permutation() are uniform and complete", () => {
  const counts = new Float64Array(6);
  for (let i = 0; i < 6000; i++) counts[integer(fold(key(5), i), 6)]!++;
  const chi2 = counts.reduce((a, c) => a + (c - 1000) ** 2 / 1000, 0);
  assertLess(chi2, 25.7); // 0.9999 quantile of χ² with 5 degrees of freedom
  assertEquals([...permutation(key(6), 50)].sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i));
  assert(["x", "y"].includes(choice(key(7), ["x", "y"])));
  assertThrows(() => choice(key(7), []), RangeError);
});

Deno.test("key() refuses what is no seed", () => {
  for (const bad of [-1, 0.5, NaN, 2 ** 60]) assertThrows(() => key(bad), RangeError, "non-negative integer");
});

Deno.test("fold() and integer() refuse numbers that would give another one's draws, or none", () => {
  for (const bad of [-1, 0.5, NaN]) assertThrows(() => fold(key(1), bad), RangeError, "non-negative integer");
  assertThrows(() => integer(key(1), 0), RangeError, "below must be ≥ 1: current value is 0");
});
