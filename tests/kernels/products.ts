/** Products of a provider beside the reference's, in the three forms a network needs. */
import { assertLess } from "@std/assert";
import type { Floats, Kernels, Strides } from "../../lib/kernels/kernels.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { distance, random, shared, uniform } from "./arrays.ts";

/** What products are held to. */
interface Bounds {
  /** What the factors are rounded to first, by their sizes; not at all if not given. */
  readonly round?: (m: number, n: number, k: number) => (x: number) => number;
  readonly most: number;
}

/** Checks NN, NT and TN of each shape, over C and added to it, C's rows lying apart; sums are of about 1. */
export function checkProducts(
  kernels: Kernels<Floats>,
  shapes: readonly (readonly number[])[],
  { round = () => (x) => x, most }: Bounds,
): void {
  const draw = uniform(1);
  for (const [m = 0, n = 0, k = 0] of shapes) {
    const [a, b, c] = [random(m * k, draw, k ** -0.5), random(k * n, draw), random(m * (n + 2), draw)];
    const exact = (x: Float32Array): Float64Array => Float64Array.from(x, round(m, n, k));
    for (const form of ["NN", "NT", "TN"]) {
      const aStrides: Strides = form === "TN" ? [1, m] : [k, 1];
      const bStrides: Strides = form === "NT" ? [1, k] : [n, 1];
      const [out, expected] = [shared(c), Float64Array.from(c)];
      const beta = form === "NT" ? 1 : 0;
      kernels.gemm(m, n, k, a, aStrides, b, bStrides, out, n + 2, beta);
      reference.gemm(m, n, k, exact(a), aStrides, exact(b), bStrides, expected, n + 2, beta);
      assertLess(distance(out, expected), most, `${form} ${[m, n, k]}`);
    }
  }
}
