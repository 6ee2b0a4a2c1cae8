import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Strides } from "../../lib/kernels/kernels.ts";
import { kernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { KC, NC, NR } from "../../lib/kernels/wasm/gemm.ts";
import { random, shared, uniform } from "./arrays.ts";

const wasm = kernels("f32");
const EPS = 2 ** -24;
const GUARD = 12345;

const stored = (columns: number): Strides => [columns, 1];
const transposed = (rows: number): Strides => [1, rows];

interface Case {
  readonly sizes: readonly [m: number, n: number, k: number];
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly beta?: 0 | 1;
}

/** One product beside the reference in f64: every element within its bound, nothing written outside C. */
function check({ sizes, transposeA = false, transposeB = false, beta = 0 }: Case): void {
  const [m, n, k] = sizes;
  const draw = uniform(m * 7919 + n * 104_729 + k);
  const [a, b] = [random(m * k, draw), random(k * n, draw)];
  const [aStrides, bStrides] = [transposeA ? transposed(m) : stored(k), transposeB ? transposed(k) : stored(n)];
  const ldc = n + 3;
  const before = Array.from({ length: m * ldc }, (_, i) => i % ldc < n ? Math.fround(draw()) : GUARD);
  const surrounded = shared([GUARD, ...before, GUARD]);
  const c = surrounded.subarray(1, 1 + m * ldc);
  wasm.gemm(m, n, k, a, aStrides, b, bStrides, c, ldc, beta);
  const exact = Float64Array.from(before);
  const size = Float64Array.from(before, Math.abs);
  const abs = (x: Float32Array): Float64Array => Float64Array.from(x, Math.abs);
  reference.gemm(m, n, k, Float64Array.from(a), aStrides, Float64Array.from(b), bStrides, exact, ldc, beta);
  reference.gemm(m, n, k, abs(a), aStrides, abs(b), bStrides, size, ldc, beta);
  for (let i = 0; i < c.length; i++) {
    const bound = i % ldc < n ? 8 * (k + 1) * EPS * size[i]! : 0;
    const error = Math.abs(c[i]! - exact[i]!);
    assert(error <= bound, `${JSON.stringify({ sizes, transposeA, transposeB, beta, i, error, bound })}`);
  }
  assertEquals([surrounded[0], surrounded.at(-1)], [GUARD, GUARD]);
}

const flags = [false, true];
function checkAll(sizes: readonly [number, number, number]): void {
  for (const transposeA of flags) {
    for (const transposeB of flags) for (const beta of [0, 1] as const) check({ sizes, transposeA, transposeB, beta });
  }
}

Deno.test("gemm() meets 8·K·ε·Σ|a·b| for every m, n and k in 1 … 33 and writes nothing else", () => {
  const draw = uniform(1);
  const other = (): number => 1 + Math.floor((draw() + 1) / 2 * 33);
  for (let x = 1; x <= 33; x++) {
    for (let y = 1; y <= 33; y += 1 + (x + y) % 3) {
      check({ sizes: [x, y, other()], transposeA: draw() > 0, transposeB: draw() > 0, beta: draw() > 0 ? 1 : 0 });
      check({ sizes: [x, other(), y], transposeA: draw() > 0, transposeB: draw() > 0, beta: draw() > 0 ? 1 : 0 });
    }
  }
  for (let m = 1; m <= 9; m++) {
    for (const n of [1, 7, 8, 9, 17]) for (const k of [1, 2, 4, 5]) checkAll([m, n, k]);
  }
});

Deno.test("gemm() meets the bound on both sides of every block edge", () => {
  for (const k of [KC - 1, KC, KC + 1, 2 * KC + 3]) checkAll([6, 11, k]);
  for (const n of [NC - 1, NC, NC + 1, NC + NR + 1]) checkAll([5, n, 9]);
  checkAll([9, NC + 5, KC + 5]);
});

Deno.test("gemm() of few rows meets the bound whatever tiles its columns and its rows make, over blocks that add", () => {
  for (const n of [8, 16, 24, 40]) { // sixes of columns, and none, one or two fours
    for (const m of [3, 4, 5, 8, 9, 12, 13, 16]) {
      for (const k of [8, KC + 36]) {
        for (const beta of [0, 1] as const) check({ sizes: [m, n, k], transposeB: true, beta });
      }
    }
  }
});

Deno.test("gemm() takes any strides", () => {
  const draw = uniform(3);
  const [m, n, k] = [9, 10, 7];
  const [a, b] = [random(m * k * 6, draw), random(k * n * 6, draw)];
  const [c, expected] = [random(m * n, draw), shared(new Float32Array(m * n))];
  wasm.gemm(m, n, k, a, [k * 6, 3], b, [2, k * 4], c, n, 0);
  reference.gemm(m, n, k, a, [k * 6, 3], b, [2, k * 4], expected, n, 0);
  assert(c.every((x, i) => Math.abs(x - expected[i]!) < 1e-5));
});

Deno.test("gemm() of no inner dimension is beta·C", () => {
  const c = shared([1, 2, 3, 4]);
  wasm.gemm(2, 1, 0, c, [0, 1], c, [1, 1], c, 2, 1);
  assertEquals([...c], [1, 2, 3, 4]);
  wasm.gemm(2, 1, 0, c, [0, 1], c, [1, 1], c, 2, 0);
  assertEquals([...c], [0, 2, 0, 4]);
});

Deno.test("a row of gemm() has the same bits alone, in any batch and at any place; so has a column", () => {
  const draw = uniform(5);
  const [m, n] = [80, 43];
  for (const [k, isTransposed] of [[KC + 37, false], [KC + 37, true], [2 * KC + 36, true], [64, true]] as const) {
    const bStrides = isTransposed ? transposed(k) : stored(n);
    const [a, b, whole] = [random(m * k, draw), random(k * n, draw), random(m * n, draw)];
    wasm.gemm(m, n, k, a, stored(k), b, bStrides, whole, n, 0);
    for (const rows of [1, 2, 3, 4, 5, 8, 9, 13, 19, 33, 65]) {
      for (let first = 0; first + rows <= m; first += 5) {
        const part = shared(new Float32Array(rows * n));
        wasm.gemm(rows, n, k, a.subarray(first * k), stored(k), b, bStrides, part, n, 0);
        assertEquals(part, whole.slice(first * n, (first + rows) * n), `${rows} rows from ${first}`);
      }
    }
    for (const columns of [1, 3, 8, 11]) {
      const part = shared(new Float32Array(m * columns));
      const from = 17;
      wasm.gemm(m, columns, k, a, stored(k), b.subarray(from * bStrides[1]), bStrides, part, columns, 0);
      assertEquals(part, part.map((_, i) => whole[Math.floor(i / columns) * n + from + i % columns]!));
    }
  }
});

Deno.test("linears() has the bits of gemm() for each matrix, whether it adds or not, for few rows and for many", () => {
  const draw = uniform(6);
  for (const k of [KC + 36, KC + 37]) {
    for (const rows of [1, 2, 3, 7, 16, 64, 65]) {
      for (const outers of [[64], [200, 40, 8], [8, 264], [40, 41]]) {
        const x = random(rows * k, draw);
        const layers = outers.map((outer, i) => {
          const y = random(rows * outer, draw), beta = i === 1 ? 1 : 0;
          return { weight: random(outer * k, draw), outer, y, expected: shared(y), beta } as const;
        });
        wasm.linears(rows, k, x, layers);
        for (const { weight, outer, y, expected, beta } of layers) {
          wasm.gemm(rows, outer, k, x, stored(k), weight, transposed(k), expected, outer, beta);
          assertEquals(y, expected, `${rows} rows by ${outer} of ${outers}`);
        }
      }
    }
  }
});

Deno.test("panels of all matrices or of some, or none: linears() has the same bits", () => {
  const draw = uniform(8);
  for (const k of [5, KC, KC + 37]) {
    for (const rows of [1, 2, 3, 4, 6, 7, 11, 12, 16, 23, 64, 65, 130]) {
      for (const outers of [[8], [264], [200, 40, 8], [32, 8, 48, 64]]) {
        const x = random(rows * k, draw);
        const layers = outers.map((outer, i) => {
          const weight = random(outer * k, draw),
            panels = shared(new Float32Array(outer * k)),
            y = random(rows * outer, draw);
          wasm.panels!(weight, outer, k, panels);
          return { weight, panels, outer, y, beta: i === 1 ? 1 : 0 } as const;
        });
        const by = (given: (i: number) => boolean): readonly Float32Array[] => {
          const ys = layers.map(({ y }) => shared(y));
          const some = layers.map((layer, i) => ({ ...layer, y: ys[i]!, panels: given(i) ? layer.panels : undefined }));
          wasm.linears(rows, k, x, some);
          return ys;
        };
        const expected = by(() => false);
        assertEquals(by(() => true), expected, `${rows} rows by ${outers} of ${k}`);
        assertEquals(by((i) => i === 0), expected, `some of ${rows} rows by ${outers} of ${k}`);
        // A matrix that has panels is not read.
        layers.forEach(({ weight }) => weight.fill(0));
        assertEquals(by(() => true), expected);
      }
    }
  }
});

Deno.test("wasm kernels refuse arrays outside the shared memory, and of 64 bits", () => {
  const inside = shared([1, 2]);
  for (const wrong of [new Float32Array(1), new Float64Array(inside.buffer, 0, 1)]) {
    const multiply = (): void => wasm.gemm(1, 1, 1, inside, [1, 1], wrong, [1, 1], inside, 1, 0);
    assertThrows(multiply, TypeError, "32-bit views of the shared memory");
  }
});
