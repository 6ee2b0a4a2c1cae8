/**
 * Draws from rows of logits: e^z of two logits at a time in double precision, their sum in order, and the way along it.
 */

import {
  address,
  f64,
  f64x2,
  func,
  i32x4,
  i64x2,
  type Local,
  locals,
  loop,
  type NewLocal,
  v128,
  type Value,
  type Vector,
  when,
} from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { maximum, VECTOR } from "./vectors.ts";

const DOUBLE = 8;

const LN2_HIGH = 6.93147180369123816490e-1; // few bits, so that n·LN2_HIGH is exact
const LN2_LOW = 1.90821492927058770002e-10;
const MAGIC = 1.5 * 2 ** 52; // adding it rounds to an integer, which stands in the low bits

/** (eʳ − 1 − r)/r² where |r| ≤ ln 2/2: the polynomial through its values at Chebyshev's points, to 2 in 10¹⁷ of eʳ. */
const SERIES = [
  ...[2.5100424157005067e-8, 2.7620138719733994e-7, 2.7557268378684192e-6, 2.480152119021773e-5],
  ...[1.9841269863105968e-4, 1.3888888917281794e-3, 8.333333333330051e-3, 4.166666666662399e-2],
  ...[1.6666666666666669e-1, 0.5000000000000001],
];

/**
 * Gives the statement x ← eˣ for x ≤ 0, to an ulp: x = n·ln 2 + r, e^r by a polynomial, times 2ⁿ in two steps so that
 * subnormal results come out right. −∞ gives 0, NaN stays.
 */
function exponential(local: NewLocal): (x: Local<"v128">) => Code {
  const [n, r, p] = locals(local, "v128", 3);
  const { add, sub, mul, madd, nmadd, of } = f64x2;
  const power = (n: Vector): Vector => i64x2.shl(i64x2.add(n, i64x2.of(1023n)), 52); // of n the low bits alone count
  const half = i32x4.shr(n, 1);
  return (x) => [
    x.set(f64x2.pmax(x, of(-746))),
    n.set(madd(x, of(Math.LOG2E), of(MAGIC))),
    p.set(sub(n, of(MAGIC))),
    r.set(nmadd(p, of(LN2_LOW), nmadd(p, of(LN2_HIGH), x))),
    p.set(SERIES.slice(1).reduce((sum, c) => madd(sum, r, of(c)), of(SERIES[0]!))),
    p.set(add(madd(p, mul(r, r), r), of(1))),
    x.set(mul(mul(p, power(half)), power(i32x4.sub(n, half)))),
  ];
}

/**
 * ids[r] ← the first token at which the cumulative softmax of row rows[r] of logits, divided by the temperature, is
 * beyond draws[r], probabilities[r] ← its probability. Never one of probability 0.
 */
export const drawRows: Func = func("drawRows", {
  logits: "address",
  rows: "address",
  draws: "address",
  ids: "address",
  probabilities: "address",
  count: "address",
  vocab: "address", // bytes
  temperature: "f64",
  weights: "address",
}, ({ logits, rows, draws, ids, probabilities, count, vocab, temperature, weights }, local) => {
  const [row, j, from, to, id] = locals(local, "address", 5);
  const [max, x] = locals(local, "v128", 2);
  const [total, u, before, after, p] = locals(local, "f64", 5);
  const exp = exponential(local);
  /** Two weights, or at an odd row's end one and a zero. */
  const weigh = (count: 1 | 2): Code => [
    x.set(f64x2.promote(count === 2 ? v128.load64Zero(from) : v128.load32Zero(from))),
    x.set(f64x2.sub(x, max)),
    when(f64.eq(temperature, f64.of(1)), [], x.set(f64x2.div(x, f64x2.splat(temperature)))),
    exp(x),
    count === 2 ? [] : x.set(v128.and(x, i32x4.lanes(-1, -1, 0, 0))),
    v128.store(to, x),
    [0, 1].slice(0, count).map((lane) => total.set(f64.add(total, f64x2.lane(lane, x)))),
    from.set(address.add(from, 4 * count)),
    to.set(address.add(to, VECTOR)),
  ];
  /** Chooses token `j`. */
  const choose = (probability: Value<"f64">): Code => [id.set(j), p.set(probability)];
  return loop(row, 0, count, 1, [
    from.set(address.add(logits, address.mul(address.load32(rows), vocab))),
    maximum({ max, j }, from, vocab),
    max.set(f64x2.promote(max)),
    [total.set(f64.of(0)), to.set(weights)],
    loop(j, 0, address.and(vocab, -8), 8, weigh(2)),
    when(address.lt(j, vocab), weigh(1)),
    [after.set(f64.of(0)), to.set(weights), u.set(f64.load(draws)), id.set(vocab)],
    // One that can not be drawn leaves the sum as it is, so the sum does not pass the draw there.
    loop(j, 0, vocab, 8, [
      x.set(f64x2.div(v128.load(to), f64x2.splat(total))),
      before.set(f64.add(after, f64x2.lane(0, x))),
      after.set(f64.add(before, f64x2.lane(1, x))),
      when(f64.lt(u, after), [
        when(f64.lt(u, before), choose(f64x2.lane(0, x)), [j.set(address.add(j, 4)), choose(f64x2.lane(1, x))]),
        j.set(vocab),
      ]),
      to.set(address.add(to, VECTOR)),
    ]),
    // The draw is within rounding of 1: the last that can be drawn.
    when(address.eq(id, vocab), [
      to.set(weights),
      loop(j, 0, vocab, 4, [
        before.set(f64.div(f64.load(to), total)),
        when(f64.eq(before, f64.of(0)), [], choose(before)),
        to.set(address.add(to, DOUBLE)),
      ]),
    ]),
    address.store32(ids, address.div(id, 4)),
    f64.store(probabilities, p),
    rows.set(address.add(rows, 4)),
    draws.set(address.add(draws, DOUBLE)),
    ids.set(address.add(ids, 4)),
    probabilities.set(address.add(probabilities, DOUBLE)),
  ]);
});
