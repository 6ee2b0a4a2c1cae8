/**
 * Kernels over all parameters at once: they take a list of stretches of arrays, so that threads share one work instead of
 * one for each array.
 */

import type { AdamStep, AdamwArrays, Floats, Kernels } from "../kernels.ts";
import { buffer } from "../address_space.ts";
import { allocate, withScratch } from "../memory.ts";
import { at } from "./arrays.ts";
import { address, f32x4, f64, f64x2, func, type Local, loop, v128, type Value, type Vector } from "./assembler.ts";
import type { Func } from "./encode.ts";
import type { Team } from "./team.ts";
import { eachVector } from "./vectors.ts";
import { from, sizeOf } from "./work.ts";

const { add, mul, div, madd } = f32x4;

/** Floats of a stretch. Sums of squares are taken stretch by stretch: it is part of their definition. */
const STRETCH = { squares: 1 << 18, adamw: 1 << 15 };

/** Bytes of an entry in a list: where its arrays are, how many bytes they have, and what it decays by. */
const ENTRY = { squares: 8, adamw: 24 };

/** Nanoseconds of a float. */
const COST = { squares: 0.4, adamw: 1.5 };

/** sums[i] ← Σ x² over stretch i, in double precision. */
export const sumsOfSquares: Func = func("sumsOfSquares", {
  list: "address",
  sums: "address",
  count: "address",
}, ({ list, sums, count }, local) => {
  const [entry, i, x, bytes] = [local("address"), local("address"), local("address"), local("address")];
  const [value, low, high] = [local("v128"), local("v128"), local("v128")];
  const squares = (of: Vector): Vector => f64x2.mul(f64x2.promote(of), f64x2.promote(of));
  const total = f64x2.add(low, high);
  return loop(entry, 0, count, 1, [
    [x.set(address.load32(list)), bytes.set(address.load32(list, 4))],
    [low.set(f32x4.of(0)), high.set(f32x4.of(0))],
    eachVector(i, bytes, ({ load }) => [
      value.set(load(address.add(x, i))),
      low.set(f64x2.add(low, squares(value))),
      high.set(f64x2.add(high, squares(v128.shuffle(value, value, [2, 3, 2, 3])))),
    ]),
    f64.store(sums, f64.add(f64x2.lane(0, total), f64x2.lane(1, total))),
    [list.set(address.add(list, ENTRY.squares)), sums.set(address.add(sums, 8))],
  ]);
});

/** What a step of AdamW takes; the corrections are given as their inverses, the rate negative. */
const adamwParams = {
  list: "address",
  count: "address",
  factor: "f32",
  beta1: "f32",
  rest1: "f32", // 1 − beta1
  beta2: "f32",
  rest2: "f32", // 1 − beta2
  eps: "f32",
  inverse1: "f32",
  inverse2: "f32",
  rate: "f32",
} as const;

/** One step of AdamW on each stretch of the list: the update over the gradient, or added to the parameter. */
const adamwInto = (into: AdamStep["into"]): Func =>
  func(`adamw_${into}`, adamwParams, ({ list, count, ...numbers }, local) => {
    const [entry, i, bytes] = [local("address"), local("address"), local("address")];
    const [g, m, v, p] = [0, 1, 2, 3].map(() => local("address")) as [
      ...[Local<"address">, Local<"address">, Local<"address">, Local<"address">],
    ];
    const [first, second, gradient, decay] = [local("v128"), local("v128"), local("v128"), local("v128")];
    const [parameter, update] = [local("v128"), local("v128")];
    const all = Object.entries(numbers).map(([name, x]) => ({ name, x, vector: local("v128") }));
    const of = (name: keyof typeof numbers): Vector => all.find((number) => number.name === name)!.vector;
    const direction = (): Vector =>
      div(mul(first, of("inverse1")), add(f32x4.sqrt(mul(second, of("inverse2"))), of("eps")));
    return [
      all.map(({ x, vector }) => vector.set(f32x4.splat(x as Value<"f32">))),
      loop(entry, 0, count, 1, [
        [g, m, v, p, bytes].map((field, at) => field.set(address.load32(list, 4 * at))),
        decay.set(v128.load32Splat(list, 20)),
        eachVector(i, bytes, ({ load, store }) => [
          gradient.set(mul(of("factor"), load(address.add(g, i)))),
          first.set(madd(of("beta1"), load(address.add(m, i)), mul(of("rest1"), gradient))),
          second.set(madd(of("beta2"), load(address.add(v, i)), mul(mul(of("rest2"), gradient), gradient))),
          store(address.add(m, i), first),
          store(address.add(v, i), second),
          parameter.set(load(address.add(p, i))),
          update.set(madd(decay, parameter, mul(direction(), of("rate")))),
          into === "g" ? store(address.add(g, i), update) : store(address.add(p, i), add(parameter, update)),
        ]),
        list.set(address.add(list, ENTRY.adamw)),
      ]),
    ];
  });

export const adamws: readonly Func[] = [adamwInto("g"), adamwInto("p")];

/** A part of an array, in floats. */
interface Stretch {
  readonly array: number;
  readonly start: number;
  readonly length: number;
}

/** Arrays of some lengths in stretches of at most `most` floats, in order. */
function stretches(lengths: readonly number[], most: number): readonly Stretch[] {
  return lengths.flatMap((length, array) =>
    Array.from({ length: Math.ceil(length / most) }, (_, i) => {
      return { array, start: i * most, length: Math.min(most, length - i * most) };
    })
  );
}

/** `Kernels.sumOfSquares` and `Kernels.adamw`. */
export function optimizers({ run }: Team): Pick<Kernels<Floats>, "sumOfSquares" | "adamw"> {
  return {
    sumOfSquares: (xs) =>
      withScratch(() => {
        const parts = stretches(xs.map((x) => x.length), STRETCH.squares), addresses = xs.map(at);
        const [list, sums] = [ENTRY.squares, 8].map((size) => allocate(size * parts.length).offset) as [number, number];
        const entries = new Uint32Array(buffer(), list, 2 * parts.length);
        parts.forEach(({ array, start, length }, i) => entries.set([addresses[array]! + 4 * start, 4 * length], 2 * i));
        const work = { units: parts.length, cost: COST.squares * xs.reduce((n, x) => n + x.length, 0) / parts.length };
        if (parts.length > 0) run("sumsOfSquares", [from(list, ENTRY.squares), from(sums, 8), sizeOf(1)], work);
        return new Float64Array(buffer(), sums, parts.length).reduce((sum, x) => sum + x, 0);
      }),
    adamw: (params, step) =>
      withScratch(() => {
        const parts = stretches(params.map(({ g }) => g.length), STRETCH.adamw);
        const list = allocate(ENTRY.adamw * parts.length).offset;
        writeEntries(list, params, { parts, rate: step.rate });
        const args = [from(list, ENTRY.adamw), sizeOf(1), ...numbersOf(step)];
        const floats = params.reduce((n, { g }) => n + g.length, 0);
        if (parts.length > 0) {
          run(`adamw_${step.into}`, args, { units: parts.length, cost: COST.adamw * floats / parts.length });
        }
      }),
  };
}

/** The numbers of a step as the kernel takes them. */
const numbersOf = ({ factor, rate, beta1, beta2, eps, correction1, correction2 }: AdamStep): readonly number[] => [
  ...[factor, beta1, 1 - beta1, beta2, 1 - beta2, eps],
  ...[1 / correction1, 1 / correction2, -rate],
];

/** Writes the list of what `adamw` works on. */
function writeEntries(
  list: number,
  params: readonly AdamwArrays<Floats>[],
  { parts, rate }: { readonly parts: readonly Stretch[]; readonly rate: number },
): void {
  const words = ENTRY.adamw / 4;
  const entries = new Uint32Array(buffer(), list, words * parts.length);
  const decays = new Float32Array(buffer(), list, words * parts.length);
  const addresses = params.map(({ g, m, v, p }) => [g, m, v, p].map(at));
  parts.forEach(({ array, start, length }, i) => {
    const first = words * i;
    addresses[array]!.forEach((address, field) => entries[first + field] = address + 4 * start);
    entries[first + 4] = 4 * length;
    decays[first + 5] = -rate * params[array]!.decay;
  });
}
