/** Independent numbers (`fixtures/oracles`) and what it takes to hold the library to them in every precision. */
import { assert } from "@std/assert";
import oracles from "../fixtures/oracles/oracles.json" with { type: "json" };
import rl from "../fixtures/oracles/rl.json" with { type: "json" };
import toyLm from "../fixtures/oracles/toy_lm.json" with { type: "json" };
import { type Backend, openKernels } from "../lib/kernels/provider.ts";
import type { Dtype } from "../lib/tensor/tensor.ts";

/** Numbers as they come: one, or nested arrays of any kind. */
export type Numbers = number | ArrayLike<number> | readonly Numbers[];

/** A case of the oracles: what goes in, what must come out, and how near. */
export interface Oracle<Inputs, Expected> {
  readonly inputs: Inputs;
  readonly expected: Expected;
  readonly rtol: number;
  readonly atol: number;
}

const cases: readonly { readonly id: string }[] = [...oracles.cases, ...rl.cases, ...toyLm.cases];

/** The case of that name. */
export function oracle<Inputs, Expected>(id: string): Oracle<Inputs, Expected> {
  const found = cases.find((c) => c.id === id);
  assert(found !== undefined, `there is no oracle ${id}`);
  return found as unknown as Oracle<Inputs, Expected>;
}

/** Fails unless |actual − expected| ≤ atol + rtol·|expected|, number by number. */
export function assertNear(actual: Numbers, expected: Numbers, tolerance: { rtol: number; atol: number }): void {
  if (typeof expected === "number") {
    const distance = Math.abs((actual as number) - expected);
    const near = actual === expected || distance <= tolerance.atol + tolerance.rtol * Math.abs(expected);
    return assert(near, `${actual} is not ${expected}: they are ${distance} apart`);
  }
  const [a, e] = [actual, expected].map((x) => Array.from(x as ArrayLike<Numbers>)) as [Numbers[], Numbers[]];
  assert(a.length === e.length, `there are ${a.length} numbers where ${e.length} are expected`);
  e.forEach((x, i) => assertNear(a[i] as Numbers, x, tolerance));
}

/** A type of numbers, who computes with them, and how near they must come. */
export interface Precision {
  readonly name: string;
  readonly dtype: Dtype;
  readonly backend: Backend;
  readonly tolerance: { readonly rtol: number; readonly atol: number };
}

const coarse = { rtol: 1e-5, atol: 1e-5 };

/** Double precision at the oracles' tolerance, and single precision in both providers. */
export const precisions: readonly Precision[] = [
  { name: "f64", dtype: "f64", backend: "reference", tolerance: { rtol: 1e-12, atol: 1e-12 } },
  { name: "f32 of reference", dtype: "f32", backend: "reference", tolerance: coarse },
  { name: "f32 of wasm", dtype: "f32", backend: "wasm", tolerance: coarse },
];

/** What a claim is given: the type to compute in, and the comparison at its precision. */
export interface Held extends Precision {
  readonly near: (actual: Numbers, expected: Numbers) => void;
}

/** Makes a claim once in each precision. */
export function inEachPrecision(claim: string, body: (held: Held) => void, options: { ignore?: boolean } = {}): void {
  for (const precision of precisions) {
    const near = (actual: Numbers, expected: Numbers): void => assertNear(actual, expected, precision.tolerance);
    Deno.test({
      ...options,
      name: `${claim}, in ${precision.name}`,
      fn: async () => {
        await openKernels({ backend: precision.backend });
        try {
          body({ ...precision, near });
        } finally {
          await openKernels({ backend: "wasm" });
        }
      },
    });
  }
}
