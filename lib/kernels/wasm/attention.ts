/**
 * Attention over segments, one query and head at a time, or two that see the same keys: of neighbouring heads that
 * share them, else of neighbouring rows, which then read each key once.
 *
 * Scores and probabilities of one query stand in a scratch row, so nothing of size T×T exists. A query's value depends on
 * its list of keys alone, whether the rows are a shared prompt, a training batch or a cache, whoever else is in the
 * segment, and whether it is one of two.
 */

import {
  address,
  call,
  f32,
  f32x4,
  func,
  type Local,
  locals,
  loop,
  type NewLocal,
  result,
  v128,
  type Value,
  when,
} from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { filled, MINUS_INFINITY, type Queries, scores, weightedSum } from "./key_lists.ts";
import { eachSegment, inUnits, params, setPlace, withinWindow } from "./segments.ts";
import { eachVector, hyperbolicTangent, logarithm, maximum, sumLanes, sumOfExponentials } from "./vectors.ts";

const { mul, div } = f32x4;

const forwardParams = { ...params, p1: "address" } as const;

type Locals = { readonly [K in keyof typeof forwardParams]: Local<typeof forwardParams[K]> };

/** A query and head, or two: offsets in bytes, where their list of keys begins, and how many of it each sees. */
type Pair = Readonly<
  Record<"query" | "query1" | "key" | "lse" | "lse1" | "keys" | "count" | "count1", Local<"address">>
>;

/**
 * Runs `body` for every query of the segments and every head, two by two where they share their keys: heads of a row that
 * read the same keys, or where no heads do, a row and the next.
 */
function eachQuery(p: Locals, local: NewLocal, body: (n: Queries, pair: Pair) => Code): Code {
  const [row, index, before, rows, heads] = locals(local, "address", 5);
  const [query, query1, key, lse, lse1, keys, count, count1] = locals(local, "address", 8);
  const pair = { query, query1, key, lse, lse1, keys, count, count1 };
  const keyOf = (index: Value<"address">) => address.div(address.mul(index, p.kvHeads), p.heads);
  const [next, two] = [address.add(index, 1), address.of(2)];
  const both = (distance: Value<"address">, more: number): Code => [
    query1.set(address.add(query, address.mul(distance, p.head))),
    lse1.set(address.add(lse, address.shl(distance, 2))),
    count1.set(address.add(count, more)),
    body(2, pair),
  ];
  return eachSegment(p, before, (start, end) =>
    loop(row, start, end, rows, [
      before.set(address.add(before, 1)),
      [keys.set(p.keys), count.set(before), rows.set(address.of(1))],
      withinWindow(p, before, { keys, count }),
      when(
        address.eq(p.heads, p.kvHeads),
        when(address.lt(address.add(row, 1), end), when(address.lt(before, p.window), rows.set(two))),
      ),
      loop(index, p.first, p.last, heads, [
        setPlace(p, row, index, { query, lse }),
        key.set(address.mul(keyOf(index), p.head)),
        heads.set(address.of(1)),
        when(address.lt(next, p.last), when(address.eq(keyOf(index), keyOf(next)), heads.set(two))),
        when(
          address.eq(rows, 2),
          both(p.heads, 1),
          when(address.eq(heads, 2), both(address.of(1), 0), body(1, pair)),
        ),
      ]),
      when(address.eq(rows, 2), before.set(address.add(before, 1))),
    ]));
}

/** p ← exp(p − max p), of capped p where there is a cap, lse ← log Σ exp p; gives 1 / Σ p. */
const softmax = func("softmax", { p: "address", count: "address", softcap: "f32", lse: "address" }, (
  { p, count, softcap, lse },
  local,
) => {
  const [j, max, sum, total] = [local("address"), local("v128"), local("v128"), local("f32")];
  const [tanh, value, cap] = [hyperbolicTangent(local), max, f32x4.splat(softcap)];
  const [log, exponentials] = [logarithm(local), sumOfExponentials({ sum, max, j }, local)];
  return [
    when(
      f32.lt(f32.of(0), softcap),
      eachVector(j, filled(count), ({ load, store }) => [
        value.set(div(load(address.add(p, j)), cap)),
        tanh(value),
        store(address.add(p, j), mul(value, cap)),
      ]),
    ),
    v128.store(address.add(p, address.shl(count, 2)), MINUS_INFINITY),
    maximum({ max, j }, p, filled(count)),
    exponentials(p, filled(count), true),
    total.set(sumLanes(sum)),
    sum.set(f32x4.splat(total)),
    log(sum),
    f32.store(lse, f32.add(f32x4.lane(0, max), f32x4.lane(0, sum))),
    f32.div(f32.of(1), total).code,
  ];
}, ["f32"]);

const ofSegments = func("attentionOfSegments", forwardParams, (all, local) => {
  const { q, k, v, out, lse, head, scale, softcap, p, p1 } = all;
  const [total, total1] = [local("f32"), local("f32")];
  return eachQuery(all, local, (n, { keys, count, ...place }) => {
    const { query, query1, key, count1 } = { ...place, count1: n === 1 ? count : place.count1 };
    const [x, x1] = [address.add(q, query), address.add(q, query1)];
    return [
      call(scores[n], x, x1, address.add(k, key), keys, count1, head, scale, p, p1),
      total.set(result("f32", softmax, p, count, softcap, address.add(lse, place.lse))),
      n === 2 ? total1.set(result("f32", softmax, p1, count1, softcap, address.add(lse, place.lse1))) : [],
      call(
        ...[weightedSum[n], address.add(v, key), keys, p, p1, count, count1, head, total, total1] as const,
        ...[address.add(out, query), address.add(out, query1)] as const,
      ),
    ];
  });
});

/** out ← softmax(scale · q·kᵀ)·v, lse ← log Σ exp(scores). */
export const attention: Func = inUnits("attention", ofSegments, forwardParams);
