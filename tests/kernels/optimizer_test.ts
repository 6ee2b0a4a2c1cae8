/** Kernels over all parameters at once. */
import { assert, assertEquals } from "@std/assert";
import type { AdamwArrays, Floats, Kernels } from "../../lib/kernels/kernels.ts";
import { kernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { distance, random, shared, uniform } from "./arrays.ts";

const wasm = kernels("f32");
const f64 = (x: Float32Array): Float64Array => Float64Array.from(x);

/** Lengths of parameters: none, a few, and more than is done in one stretch. */
const lengths = [13, 0, 1, 40_003, 600_001, 256];

Deno.test("sumOfSquares() is summed in double precision, over all arrays", () => {
  const draw = uniform(5);
  const xs = lengths.map((n) => random(n, draw));
  const exact = reference.sumOfSquares(xs.map(f64));
  assert(Math.abs(wasm.sumOfSquares(xs) / exact - 1) < 1e-12);
  assertEquals([wasm.sumOfSquares([]), wasm.sumOfSquares([shared([3, 4])])], [0, 25]);
});

Deno.test("sumOfSquares() takes arrays in order", () => {
  const xs = [1e8, 1, 1, 1].map((x) => shared([x])); // 1e16 + 1 is 1e16 in double precision
  assertEquals(wasm.sumOfSquares(xs), 1e16);
  assertEquals(wasm.sumOfSquares(xs.toReversed()), 1e16 + 4);
});

/** The arrays of parameters of these lengths after two steps of a provider, which clips, and moves in the second. */
function twoSteps({ adamw }: Kernels<Floats>, convert: (x: Float32Array) => Floats): readonly Floats[] {
  const draw = uniform(6);
  const params = lengths.map((n, i): AdamwArrays<Floats> => {
    const [g, m, p] = [random(n, draw), random(n, draw), random(n, draw)].map(convert) as [Floats, Floats, Floats];
    return { g, m, v: convert(random(n, draw).map((x) => 1.5 + x)), p, decay: i % 2 === 0 ? 0.3 : 0 };
  });
  const step = { factor: 0.75, rate: 0.5, beta1: 0.9, beta2: 0.999, eps: 1e-8, correction1: 0.1, correction2: 0.001 };
  adamw(params, { ...step, into: "g" });
  adamw(params, { ...step, into: "p", rate: 0.25, correction1: 0.19, correction2: 0.002 });
  return params.flatMap(({ g, m, v, p }) => [g, m, v, p]);
}

Deno.test("adamw() meets the reference in f64 over all parameters, each with its decay", () => {
  const exact = twoSteps(reference, f64);
  twoSteps(wasm, (x) => shared(x)).forEach((x, i) => assert(distance(x, exact[i]!, 0.1) < 2e-6, `${i}`));
});

Deno.test("a parameter's numbers after adamw() do not depend on where they stand, nor on the others", () => {
  const draw = uniform(7);
  const numbers = { rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, correction1: 0.1, correction2: 0.01 };
  const step = { ...numbers, factor: 1, into: "g" } as const;
  const arrays = [0, 1, 2, 3].map(() => random(50_000, draw).map(Math.abs) as Float32Array);
  const made = (start: number, length: number): AdamwArrays<Floats> => {
    const [g, m, v, p] = arrays.map((x) => shared(x.subarray(start, start + length)));
    return { g: g!, m: m!, v: v!, p: p!, decay: 0.1 };
  };
  const [whole, part] = [made(0, 50_000), made(16_381, 7)];
  wasm.adamw([whole], step);
  wasm.adamw([made(3, 40_000), part, made(5, 9)], step);
  for (const name of ["g", "m", "v", "p"] as const) {
    assertEquals([...part[name]], [...whole[name].subarray(16_381, 16_388)], name);
  }
});

Deno.test("adamw() into p is: gradients times the factor, adamw() into g, and p + g, bit for bit", () => {
  const draw = uniform(8);
  const numbers = { rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, correction1: 0.1, correction2: 0.01 };
  const [g, m, v, p] = [0, 1, 2, 3].map(() => random(70_001, draw).map(Math.abs) as Float32Array);
  const made = (g: Float32Array): AdamwArrays<Floats> => {
    return { g: shared(g), m: shared(m!), v: shared(v!), p: shared(p!), decay: 0.1 };
  };
  const factor = Math.fround(0.3);
  for (const provider of [wasm, reference]) {
    const [moved, updated] = [made(g!), made(g!.map((x) => factor * x))];
    provider.adamw([moved], { ...numbers, factor, into: "p" });
    provider.adamw([updated], { ...numbers, factor: 1, into: "g" });
    provider.axpy(1, updated.g, updated.p, updated.p);
    if (provider === wasm) {
      for (const name of ["m", "v", "p"] as const) assertEquals(moved[name], updated[name], name);
    }
    assert(distance(moved.p, updated.p, 0.1) < 1e-6);
    assertEquals(moved.g, shared(g!));
  }
});
