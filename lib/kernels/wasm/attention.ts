/**
 * Attention over segments, one query and head at a time, or two that see the same keys: of neighbouring heads that
 * share them, else of neighbouring rows, which then read each key once.
 *
 * The keys a query sees are a list of row offsets, made once for each segment: the prefix, then its own rows. Scores
 * and probabilities of one query stand in a scratch row, so nothing of size T×T exists. A query's value depends on its
 * list alone, whether the rows are a shared prompt, a training batch or a cache, whoever else is in the segment, and
 * whether it is one of two.
 */

import {
  address,
  call,
  f32,
  f32x4,
  func,
  type Local,
  loop,
  type NewLocal,
  result,
  v128,
  type Value,
  when,
} from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { type Queries, scores, weightedSum } from "./key_lists.ts";
import { eachVector, hyperbolicTangent, logarithm, maximum, sumLanes, sumOfExponentials, VECTOR } from "./vectors.ts";

const { mul, div } = f32x4;

/** Entries by which lists of keys and scores may be read or written beyond their end. */
export const SLACK = 4;

/** The offsets in bytes of the key rows of a segment, the last one repeated. */
export const listKeys = func("listKeys", { segment: "address", rowBytes: "address", keys: "address" }, (
  { segment, rowBytes, keys },
  local,
) => {
  const [row, last] = [local("address"), local("address")];
  const field = (i: number) => address.load32(segment, 4 * i);
  const [start, end, prefixStart, prefixEnd, keyStart, past] = [0, 1, 2, 3, 4, 5].map(field);
  const append = [address.store32(keys, last), keys.set(address.add(keys, 4))];
  const listed = [last.set(address.mul(row, rowBytes)), append];
  return [
    loop(row, prefixStart!, prefixEnd!, 1, listed),
    loop(row, keyStart!, address.add(address.add(keyStart!, past!), address.sub(end!, start!)), 1, listed),
    Array(SLACK).fill(append),
  ];
});

/** What both directions take: segments `segment … segmentsEnd`, heads `first … last`, sizes, and scratch rows. */
export const params = {
  q: "address",
  k: "address",
  v: "address",
  out: "address",
  lse: "address",
  segment: "address",
  segmentsEnd: "address",
  first: "address",
  last: "address",
  heads: "address",
  kvHeads: "address",
  head: "address", // bytes
  scale: "f32",
  window: "address", // most keys of a query
  softcap: "f32", // 0 for none
  keys: "address",
  p: "address",
} as const;

const forwardParams = { ...params, p1: "address" } as const;

type Locals = { readonly [K in keyof typeof forwardParams]: Local<typeof forwardParams[K]> };

/** A query and head, or two: offsets in bytes, where their list of keys begins, and how many of it each sees. */
interface Place {
  readonly query: Local<"address">;
  readonly query1: Local<"address">;
  readonly key: Local<"address">;
  readonly lse: Local<"address">;
  readonly lse1: Local<"address">;
  readonly keys: Local<"address">;
  readonly count: Local<"address">;
  readonly count1: Local<"address">;
}

/**
 * Runs `body` for every query of the segments and every head, two by two where they share their keys: heads of a row that
 * read the same keys, or where no heads do, a row and the next.
 */
function eachQuery(p: Locals, local: NewLocal, body: (n: Queries, place: Place) => Code): Code {
  const [row, index, before, rows, heads] = [0, 1, 2, 3, 4].map(() => local("address")) as [
    ...[Local<"address">, Local<"address">, Local<"address">],
    ...[Local<"address">, Local<"address">],
  ];
  const [query, query1, key, lse, lse1] = [0, 1, 2, 3, 4].map(() => local("address")) as [
    ...[Local<"address">, Local<"address">, Local<"address">],
    ...[Local<"address">, Local<"address">],
  ];
  const [keys, count, count1] = [local("address"), local("address"), local("address")];
  const place = { query, query1, key, lse, lse1, keys, count, count1 };
  const field = (i: number) => address.load32(p.segment, 4 * i);
  const seenByFirst = address.add(address.sub(field(3), field(2)), field(5));
  const keyOf = (index: Value<"address">) => address.div(address.mul(index, p.kvHeads), p.heads);
  const [next, two] = [address.add(index, 1), address.of(2)];
  const both = (distance: Value<"address">, more: number): Code => [
    query1.set(address.add(query, address.mul(distance, p.head))),
    lse1.set(address.add(lse, address.shl(distance, 2))),
    count1.set(address.add(count, more)),
    body(2, place),
  ];
  return loop(p.segment, p.segment, p.segmentsEnd, 24, [
    call(listKeys, p.segment, address.mul(p.kvHeads, p.head), p.keys),
    before.set(seenByFirst),
    loop(row, field(0), field(1), rows, [
      before.set(address.add(before, 1)),
      [keys.set(p.keys), count.set(before), rows.set(address.of(1))],
      when(address.lt(p.window, before), [
        keys.set(address.add(p.keys, address.shl(address.sub(before, p.window), 2))),
        count.set(p.window),
      ]),
      when(
        address.eq(p.heads, p.kvHeads),
        when(address.lt(address.add(row, 1), field(1)), when(address.lt(before, p.window), rows.set(two))),
      ),
      loop(index, p.first, p.last, heads, [
        lse.set(address.add(address.mul(row, p.heads), index)),
        query.set(address.mul(lse, p.head)),
        lse.set(address.shl(lse, 2)),
        key.set(address.mul(keyOf(index), p.head)),
        heads.set(address.of(1)),
        when(address.lt(next, p.last), when(address.eq(keyOf(index), keyOf(next)), heads.set(two))),
        when(
          address.eq(rows, 2),
          both(p.heads, 1),
          when(address.eq(heads, 2), both(address.of(1), 0), body(1, place)),
        ),
      ]),
      when(address.eq(rows, 2), before.set(address.add(before, 1))),
    ]),
  ]);
}

/** Bytes of a row of scores, filled up to whole vectors. */
export const filled = (count: Local<"address">) => address.and(address.add(address.shl(count, 2), VECTOR - 1), -VECTOR);
export const MINUS_INFINITY = f32x4.of(-Infinity);

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

/** out ← softmax(scale · q·kᵀ)·v, lse ← log Σ exp(scores). */
export const attention: Func = func("attention", forwardParams, (all, local) => {
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
