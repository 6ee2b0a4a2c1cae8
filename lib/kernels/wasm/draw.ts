/**
 * Draws from rows of logits: e^z of two logits at a time in double precision, their sum in order, and the way along it.
 */

import {
  address,
  f64,
  f64x2,
  func,
  i64x2,
  type Local,
  loop,
  type NewLocal,
  v128,
  type Vector,
  when,
} from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { maximum } from "./vectors.ts";

const DOUBLE = 8;
const { add, sub, mul, div } = f64x2;

type Five = [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">];

const LN2_HIGH = 6.93147180369123816490e-1; // few bits, so that n·LN2_HIGH is exact
const LN2_LOW = 1.90821492927058770002e-10;
const MAGIC = 1.5 * 2 ** 52; // adding it leaves an integer in the low bits

/**
 * Gives the statement x ← eˣ for x ≤ 0, to an ulp: x = n·ln 2 + r, e^r by a rational function, times 2ⁿ in two steps so
 * that subnormal results come out right. −∞ gives 0, NaN stays.
 *
 * @see FreeBSD's msun, `e_exp.c`, for the coefficients
 */
function exponential(local: NewLocal): (x: Local<"v128">) => Code {
  const { of } = f64x2;
  const [n, upper, lower, r, square] = [1, 2, 3, 4, 5].map(() => local("v128")) as Five;
  const [c, exponent] = [square, upper];
  const series = [
    ...[4.13813679705723846039e-8, -1.65339022054652515390e-6, 6.61375632143793436117e-5],
    ...[-2.77777777770155933842e-3, 1.66666666666666019037e-1],
  ].map(of).reduce((sum, p) => add(p, mul(square, sum)));
  const power = (n: Vector): Vector => i64x2.shl(i64x2.add(add(n, of(MAGIC)), i64x2.of(1023n)), 52);
  return (x) => [
    x.set(f64x2.pmax(x, of(-746))),
    n.set(v128.and(f64x2.trunc(sub(mul(of(Math.LOG2E), x), of(0.5))), f64x2.lt(x, of(-LN2_HIGH / 2)))),
    upper.set(sub(x, mul(n, of(LN2_HIGH)))),
    lower.set(mul(n, of(LN2_LOW))),
    r.set(sub(upper, lower)),
    square.set(mul(r, r)),
    c.set(sub(r, mul(square, series))),
    r.set(sub(of(1), sub(sub(lower, div(mul(r, c), sub(of(2), c))), upper))),
    exponent.set(f64x2.floor(mul(n, of(0.5)))),
    x.set(mul(mul(r, power(exponent)), power(sub(n, exponent)))),
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
  const [row, j, from, to] = [local("address"), local("address"), local("address"), local("address")];
  const [max, x] = [local("v128"), local("v128")];
  const [total, reached, p] = [local("f64"), local("f64"), local("f64")];
  const exp = exponential(local);
  /** Two weights, or at an odd row's end one: the second is not counted then. */
  const weigh = (count: 1 | 2): Code => [
    x.set(f64x2.promote(count === 2 ? v128.load64Zero(from) : v128.load32Zero(from))),
    x.set(sub(x, max)),
    when(f64.eq(temperature, f64.of(1)), [], x.set(div(x, f64x2.splat(temperature)))),
    exp(x),
    v128.store(to, x),
    [0, 1].slice(0, count).map((lane) => total.set(f64.add(total, f64x2.lane(lane, x)))),
    from.set(address.add(from, 4 * count)),
    to.set(address.add(to, 2 * DOUBLE)),
  ];
  return loop(row, 0, count, 1, [
    from.set(address.add(logits, address.mul(address.load32(rows), vocab))),
    maximum({ max, j }, from, vocab),
    max.set(f64x2.promote(max)),
    [total.set(f64.of(0)), to.set(weights)],
    loop(j, 0, address.and(vocab, -8), 8, weigh(2)),
    when(address.lt(j, vocab), weigh(1)),
    [reached.set(f64.of(0)), to.set(weights)],
    loop(j, 0, vocab, 4, [
      p.set(f64.div(f64.load(to), total)),
      when(f64.eq(p, f64.of(0)), [], [
        reached.set(f64.add(reached, p)),
        address.store32(ids, address.div(j, 4)),
        f64.store(probabilities, p),
        when(f64.lt(f64.load(draws), reached), j.set(vocab)),
      ]),
      to.set(address.add(to, DOUBLE)),
    ]),
    rows.set(address.add(rows, 4)),
    draws.set(address.add(draws, DOUBLE)),
    ids.set(address.add(ids, 4)),
    probabilities.set(address.add(probabilities, DOUBLE)),
  ]);
});
