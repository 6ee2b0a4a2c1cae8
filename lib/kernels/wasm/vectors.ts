/** What kernels do with vectors: loops over arrays, sums over lanes, exponential and logarithm. */

import {
  type Address,
  address,
  f32,
  f32x4,
  i32x4,
  type Local,
  loop,
  type NewLocal,
  v128,
  type Value,
  type Vector,
} from "./assembler.ts";
import type { Code } from "./encode.ts";

/** Bytes of a float. */
export const FLOAT = 4;
/** Bytes of a vector. */
export const VECTOR = 16;

/**
 * How the body of a loop reads and writes: four floats, or at an array's end one, with zeros in the lanes beside it.
 */
export interface Lanes {
  readonly count: 4 | 1;
  readonly load: (at: Address, offset?: number) => Vector;
  readonly store: (at: Address, x: Vector, offset?: number) => Code;
  /** A vector with zeros in the lanes beside. */
  readonly only: (x: Vector) => Vector;
}

const four: Lanes = { count: 4, load: v128.load, store: v128.store, only: (x) => x };
const one: Lanes = {
  count: 1,
  load: v128.load32Zero,
  store: (at, x, offset) => v128.store32Lane(0, at, x, offset),
  only: (x) => v128.and(x, i32x4.lanes(-1, 0, 0, 0)),
};

/**
 * Runs `body` for all floats of arrays of `bytes` bytes, four at a time and the last ones alone, by the same
 * instructions: a float's value does not depend on where the array ends. `at` is the offset in bytes.
 */
export function eachVector(at: Local<"address">, bytes: Address, body: (lanes: Lanes) => Code): Code {
  const whole = address.and(bytes, -VECTOR);
  return [loop(at, 0, whole, VECTOR, body(four)), loop(at, whole, bytes, FLOAT, body(one))];
}

/** The sum of the four lanes. */
export function sumLanes(x: Vector): Value<"f32"> {
  const [a, b, c, d] = [0, 1, 2, 3].map((lane) => f32x4.lane(lane, x)) as [
    Value<"f32">,
    Value<"f32">,
    Value<"f32">,
    Value<"f32">,
  ];
  return f32.add(f32.add(a, b), f32.add(c, d));
}

/** The 4×4 transpose of `rows`, in place. */
export function transpose(rows: readonly Local<"v128">[], scratch: readonly Local<"v128">[]): Code {
  const pairs = (a: number, b: number, lanes: readonly [number, number, number, number]): Vector =>
    v128.shuffle(rows[a]!, rows[b]!, lanes);
  const halves = (a: number, b: number, lanes: readonly [number, number, number, number]): Vector =>
    v128.shuffle(scratch[a]!, scratch[b]!, lanes);
  return [
    scratch[0]!.set(pairs(0, 1, [0, 4, 1, 5])),
    scratch[1]!.set(pairs(2, 3, [0, 4, 1, 5])),
    scratch[2]!.set(pairs(0, 1, [2, 6, 3, 7])),
    scratch[3]!.set(pairs(2, 3, [2, 6, 3, 7])),
    rows[0]!.set(halves(0, 1, [0, 1, 4, 5])),
    rows[1]!.set(halves(0, 1, [2, 3, 6, 7])),
    rows[2]!.set(halves(2, 3, [0, 1, 4, 5])),
    rows[3]!.set(halves(2, 3, [2, 3, 6, 7])),
  ];
}

/** Horner's scheme, highest coefficient first. */
const polynomial = (x: Vector, coefficients: readonly number[]): Vector =>
  coefficients.slice(1).reduce((sum, c) => f32x4.madd(sum, x, f32x4.of(c)), f32x4.of(coefficients[0]!));

const MAGIC = 1.5 * 2 ** 23; // adding it rounds to an integer, which stands in the low bits
const LN2_HIGH = 0.693359375; // few bits, so that n·LN2_HIGH is exact
const LN2_LOW = -2.12194440e-4;

/**
 * Gives the statement x ← eˣ: x = n·ln 2 + r, e^r by a polynomial, times 2ⁿ in two steps so that results that overflow
 * or are subnormal come out right. −∞ gives 0, NaN stays.
 *
 * @see Moshier's Cephes library, `expf.c`, for the coefficients
 */
export function exponential(local: NewLocal): (x: Local<"v128">) => Code {
  const [n, r, p] = [local("v128"), local("v128"), local("v128")];
  const power = (exponent: Vector): Vector => i32x4.shl(i32x4.add(exponent, i32x4.of(127)), 23);
  const half = i32x4.shr(n, 1);
  return (x) => [
    x.set(f32x4.pmin(f32x4.pmax(x, f32x4.of(-104)), f32x4.of(89))),
    n.set(f32x4.madd(x, f32x4.of(Math.LOG2E), f32x4.of(MAGIC))),
    r.set(f32x4.sub(n, f32x4.of(MAGIC))),
    x.set(f32x4.nmadd(r, f32x4.of(LN2_HIGH), x)),
    r.set(f32x4.nmadd(r, f32x4.of(LN2_LOW), x)),
    p.set(polynomial(r, [1.9875691e-4, 1.3981999e-3, 8.3334519e-3, 4.1665796e-2, 1.6666665e-1, 5.0000001e-1])),
    p.set(f32x4.add(f32x4.madd(p, f32x4.mul(r, r), r), f32x4.of(1))),
    n.set(i32x4.sub(n, i32x4.of(new Int32Array(Float32Array.of(MAGIC).buffer)[0]!))),
    x.set(f32x4.mul(f32x4.mul(p, power(half)), power(i32x4.sub(n, half)))),
  ];
}

/**
 * Gives the statement x ← tanh x: a polynomial where it is small, as 1 − 2/(e²ˣ + 1) would lose its digits there.
 *
 * @see Moshier's Cephes library, `tanhf.c`, for the coefficients
 */
export function hyperbolicTangent(local: NewLocal): (x: Local<"v128">) => Code {
  const [exp, square, far] = [exponential(local), local("v128"), local("v128")];
  const near = polynomial(square, [
    -5.70498872745e-3,
    2.06390887954e-2,
    -5.37397155531e-2,
    0.133314422036,
    -0.333332819422,
  ]);
  return (x) => [
    square.set(f32x4.mul(x, x)),
    far.set(f32x4.add(x, x)),
    exp(far),
    far.set(f32x4.sub(f32x4.of(1), f32x4.div(f32x4.of(2), f32x4.add(far, f32x4.of(1))))),
    x.set(v128.select(
      f32x4.madd(f32x4.mul(near, square), x, x),
      far,
      f32x4.lt(square, f32x4.of(0.625 ** 2)),
    )),
  ];
}

/**
 * Gives the statement x ← log x: x = 2ᵏ·(1 + f) with 1 + f near 1, log(1 + f) by a series in f/(2 + f).
 * 0 gives −∞, less gives NaN, ∞ and NaN stay.
 *
 * @see FreeBSD's msun, `e_logf.c`, for the coefficients
 */
export function logarithm(local: NewLocal): (x: Local<"v128">) => Code {
  const [bits, k, f, s, z] = [local("v128"), local("v128"), local("v128"), local("v128"), local("v128")];
  const SQRT_HALF = 0x3f3504f3;
  const TINY = 2 ** -126;
  const result = local("v128");
  const square = f32x4.mul(z, z);
  const series = f32x4.add(
    f32x4.mul(square, polynomial(square, [0.24279078841, 0.40000972152])),
    f32x4.mul(z, polynomial(square, [0.28498786688, 0.66666662693])),
  );
  const halfSquare = f32x4.mul(f32x4.of(0.5), f32x4.mul(f, f));
  return (x) => [
    bits.set(v128.select(f32x4.mul(x, f32x4.of(2 ** 25)), x, f32x4.lt(x, f32x4.of(TINY)))),
    k.set(v128.and(f32x4.lt(x, f32x4.of(TINY)), f32x4.of(-25))),
    bits.set(i32x4.add(bits, i32x4.of(0x3f800000 - SQRT_HALF))),
    k.set(f32x4.add(k, f32x4.convert(i32x4.sub(i32x4.shr(bits, 23), i32x4.of(127))))),
    bits.set(i32x4.add(v128.and(bits, i32x4.of(0x007fffff)), i32x4.of(SQRT_HALF))),
    f.set(f32x4.sub(bits, f32x4.of(1))),
    s.set(f32x4.div(f, f32x4.add(f, f32x4.of(2)))),
    z.set(f32x4.mul(s, s)),
    result.set(f32x4.mul(s, f32x4.add(halfSquare, series))),
    result.set(f32x4.madd(k, f32x4.of(9.0580006145e-6), result)),
    result.set(f32x4.add(f32x4.sub(result, halfSquare), f)),
    result.set(f32x4.madd(k, f32x4.of(6.9313812256e-1), result)),
    result.set(v128.select(result, x, f32x4.lt(x, f32x4.of(Infinity)))),
    result.set(v128.select(f32x4.of(-Infinity), result, f32x4.eq(x, f32x4.of(0)))),
    x.set(v128.select(f32x4.of(NaN), result, f32x4.lt(x, f32x4.of(0)))),
  ];
}

interface Reduction {
  readonly max: Local<"v128">;
  readonly j: Local<"address">;
}

/**
 * Leaves the largest of the floats at `x` in all lanes of `max`, passing over NaNs: engines have one instruction for
 * that, and many for a maximum that NaN wins. The sum of exponentials is NaN all the same.
 */
export function maximum({ max, j }: Reduction, x: Address, bytes: Address): Code {
  const fold = (lanes: readonly [number, number, number, number]): Code =>
    max.set(f32x4.pmax(max, v128.shuffle(max, max, lanes)));
  return [
    max.set(f32x4.of(-Infinity)),
    // The last floats come in all four lanes, as zeros beside them could be the largest.
    eachVector(
      j,
      bytes,
      ({ count, load }) => max.set(f32x4.pmax(max, (count === 4 ? load : v128.load32Splat)(address.add(x, j)))),
    ),
    fold([1, 0, 3, 2]),
    fold([2, 3, 0, 1]),
  ];
}

/**
 * Gives the statement that leaves Σ e^(x − max) over the lanes of `sum`, and stores the terms over `x` if they are
 * kept.
 */
export function sumOfExponentials(
  { sum, max, j }: Reduction & { readonly sum: Local<"v128"> },
  local: NewLocal,
): (x: Address, bytes: Address, keep: boolean) => Code {
  const [exp, term] = [exponential(local), local("v128")];
  return (x, bytes, keep) => [
    sum.set(f32x4.of(0)),
    eachVector(j, bytes, ({ load, store, only }) => [
      term.set(f32x4.sub(load(address.add(x, j)), max)),
      exp(term),
      keep ? store(address.add(x, j), term) : [],
      sum.set(f32x4.add(sum, only(term))),
    ]),
  ];
}
