/**
 * Attention over segments, one query and head at a time.
 *
 * The keys a query sees are a list of row offsets, made once for each segment: the prefix, then its own rows. Scores
 * and probabilities of one query stand in a scratch row, so nothing of size T×T exists. A query's value depends on its
 * list alone, whether the rows are a shared prompt, a training batch or a cache, and whoever else is in the segment.
 */

import { address, call, f32, f32x4, func, type Local, loop, type NewLocal, v128, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import {
  eachVector,
  exponential,
  FLOAT,
  hyperbolicTangent,
  logarithm,
  maximum,
  sumLanes,
  sumOfExponentials,
  transpose,
  VECTOR,
} from "./vectors.ts";

const { add, sub, mul, div, madd, nmadd } = f32x4;

/** Entries by which lists of keys and scores may be read or written beyond their end. */
export const SLACK = 4;

/** The offsets in bytes of the key rows of a segment, the last one repeated. */
const listKeys = func("listKeys", { segment: "address", rowBytes: "address", keys: "address" }, (
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

/** to[j] ← scale · x·rows[keys[j]], four keys at a time; up to three more are written. */
const scores = func("scores", {
  x: "address",
  rows: "address",
  keys: "address",
  count: "address",
  head: "address",
  scale: "f32",
  to: "address",
}, ({ x, rows, keys, count, head, scale, to }, local) => {
  const four = [0, 1, 2, 3];
  const [j, d, value] = [local("address"), local("address"), local("v128")];
  const at = four.map(() => local("address"));
  const [sums, scratch] = [four.map(() => local("v128")), four.map(() => local("v128"))];
  const [a, b, c, e] = sums as [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">];
  return loop(j, 0, count, 4, [
    at.map((p, i) => p.set(address.add(rows, address.load32(keys, 4 * i)))),
    sums.map((sum) => sum.set(f32x4.of(0))),
    loop(d, 0, head, VECTOR, [
      value.set(v128.load(address.add(x, d))),
      sums.map((sum, i) => sum.set(madd(value, v128.load(address.add(at[i]!, d)), sum))),
    ]),
    transpose(sums, scratch),
    v128.store(to, mul(add(add(a, b), add(c, e)), f32x4.splat(scale))),
    keys.set(address.add(keys, VECTOR)),
    to.set(address.add(to, VECTOR)),
  ]);
});

/** Runs `body` over the vectors of a head, as many at a time as fit into registers; `d` is the offset of the first. */
function eachPiece(
  local: NewLocal,
  head: Local<"address">,
  body: (d: Local<"address">, vectors: number) => Code,
): Code {
  const [d, end] = [local("address"), local("address")];
  const pieces = [8, 4, 1].map((vectors) => [
    end.set(address.add(d, address.and(address.sub(head, d), -vectors * VECTOR))),
    loop(d, d, end, vectors * VECTOR, body(d, vectors)),
  ]);
  return [d.set(address.of(0)), pieces];
}

const listed = { keys: "address", weights: "address", count: "address", head: "address" } as const;

/** to ← scale · Σ_j weights[j]·rows[keys[j]], in order of j. */
const weightedSum = func("weightedSum", { rows: "address", ...listed, scale: "f32", to: "address" }, (
  { rows, keys, weights, count, head, scale, to },
  local,
) => {
  const [j, at, weight] = [local("address"), local("address"), local("v128")];
  const registers = Array.from({ length: 8 }, () => local("v128"));
  return eachPiece(local, head, (d, vectors) => {
    const sums = registers.slice(0, vectors);
    return [
      sums.map((sum) => sum.set(f32x4.of(0))),
      loop(j, 0, address.shl(count, 2), FLOAT, [
        weight.set(v128.load32Splat(address.add(weights, j))),
        at.set(address.add(address.add(rows, d), address.load32(address.add(keys, j)))),
        sums.map((sum, i) => sum.set(madd(weight, v128.load(at, i * VECTOR), sum))),
      ]),
      at.set(address.add(to, d)),
      sums.map((sum, i) => v128.store(at, mul(sum, f32x4.splat(scale)), i * VECTOR)),
    ];
  });
});

/** rows[keys[j]] ← rows[keys[j]] + weights[j]·x, for each j. */
const addToRows = func("addToRows", { x: "address", ...listed, rows: "address" }, (
  { x, keys, weights, count, head, rows },
  local,
) => {
  const [j, at, weight] = [local("address"), local("address"), local("v128")];
  const registers = Array.from({ length: 8 }, () => local("v128"));
  return eachPiece(local, head, (d, vectors) => {
    const values = registers.slice(0, vectors);
    return [
      at.set(address.add(x, d)),
      values.map((value, i) => value.set(v128.load(at, i * VECTOR))),
      loop(j, 0, address.shl(count, 2), FLOAT, [
        weight.set(v128.load32Splat(address.add(weights, j))),
        at.set(address.add(address.add(rows, d), address.load32(address.add(keys, j)))),
        values.map((value, i) => v128.store(at, madd(weight, value, v128.load(at, i * VECTOR)), i * VECTOR)),
      ]),
    ];
  });
});

/** What both directions take: segments `segment … segmentsEnd`, heads `first … last`, sizes, and scratch rows. */
const params = {
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

type Locals = { readonly [K in keyof typeof params]: Local<typeof params[K]> };

/** The place of a query and head: offsets in bytes, where its list of keys begins, and their number. */
interface Place {
  readonly query: Local<"address">;
  readonly key: Local<"address">;
  readonly lse: Local<"address">;
  readonly keys: Local<"address">;
  readonly count: Local<"address">;
}

/** Runs `body` for every query of the segments and every head. */
function eachQuery(p: Locals, local: NewLocal, body: (place: Place) => Code): Code {
  const [row, index, before] = [local("address"), local("address"), local("address")];
  const [query, key, lse] = [local("address"), local("address"), local("address")];
  const [keys, count] = [local("address"), local("address")];
  const place = { query, key, lse, keys, count };
  const field = (i: number) => address.load32(p.segment, 4 * i);
  const seenByFirst = address.add(address.sub(field(3), field(2)), field(5));
  return loop(p.segment, p.segment, p.segmentsEnd, 24, [
    call(listKeys, p.segment, address.mul(p.kvHeads, p.head), p.keys),
    before.set(seenByFirst),
    loop(row, field(0), field(1), 1, [
      before.set(address.add(before, 1)),
      [keys.set(p.keys), count.set(before)],
      when(address.lt(p.window, before), [
        keys.set(address.add(p.keys, address.shl(address.sub(before, p.window), 2))),
        count.set(p.window),
      ]),
      loop(index, p.first, p.last, 1, [
        place.lse.set(address.add(address.mul(row, p.heads), index)),
        place.query.set(address.mul(place.lse, p.head)),
        place.lse.set(address.shl(place.lse, 2)),
        place.key.set(address.mul(address.div(address.mul(index, p.kvHeads), p.heads), p.head)),
        body(place),
      ]),
    ]),
  ]);
}

/** Bytes of a row of scores, filled up to whole vectors. */
const filled = (count: Local<"address">) => address.and(address.add(address.shl(count, 2), VECTOR - 1), -VECTOR);
const MINUS_INFINITY = f32x4.of(-Infinity);

/** out ← softmax(scale · q·kᵀ)·v, lse ← log Σ exp(scores). */
export const attention: Func = func("attention", params, (all, local) => {
  const { q, k, v, out, lse, head, scale, softcap, p } = all;
  const [j, max, sum, total] = [local("address"), local("v128"), local("v128"), local("f32")];
  const [tanh, value, cap] = [hyperbolicTangent(local), max, f32x4.splat(softcap)];
  const [log, exponentials] = [logarithm(local), sumOfExponentials({ sum, max, j }, local)];
  return eachQuery(all, local, ({ query, key, lse: lseAt, keys, count }) => [
    call(scores, address.add(q, query), address.add(k, key), keys, count, head, scale, p),
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
    f32.store(address.add(lse, lseAt), f32.add(f32x4.lane(0, max), f32x4.lane(0, sum))),
    total.set(f32.div(f32.of(1), total)),
    call(weightedSum, address.add(v, key), keys, p, count, head, total, address.add(out, query)),
  ]);
});

const backwardParams = { ...params, g: "address", dq: "address", dk: "address", dv: "address", ds: "address" } as const;

/** dq ← …, dk and dv are added to: p = exp(scores − lse), ds = p·(g·v − g·out)·scale. */
export const attentionBackward: Func = func("attentionBackward", backwardParams, (all, local) => {
  const { q, k, v, out, lse, head, scale, softcap, p, g, dq, dk, dv, ds } = all;
  const [j, value, total, along] = [local("address"), local("v128"), local("v128"), local("v128")];
  const exp = exponential(local);
  const one = f32.of(1);
  const [tanh, slope, cap] = [hyperbolicTangent(local), local("v128"), f32x4.splat(softcap)];
  /** p ← exp(scores − lse), ds ← p·(ds − along)·scale, with scores capped and the cap's derivative if there is one. */
  const differentiate = (count: Local<"address">, isCapped: boolean): Code =>
    eachVector(j, filled(count), ({ load, store }) => [
      value.set(load(address.add(p, j))),
      isCapped
        ? [
          value.set(div(value, cap)),
          tanh(value),
          slope.set(mul(f32x4.splat(scale), nmadd(value, value, f32x4.of(1)))),
          value.set(mul(value, cap)),
        ]
        : [],
      value.set(sub(value, total)),
      exp(value),
      store(address.add(p, j), value),
      store(
        address.add(ds, j),
        mul(mul(value, sub(load(address.add(ds, j)), along)), isCapped ? slope : f32x4.splat(scale)),
      ),
    ]);
  return eachQuery(all, local, ({ query, key, lse: lseAt, keys, count }) => [
    call(scores, address.add(q, query), address.add(k, key), keys, count, head, scale, p),
    v128.store(address.add(p, address.shl(count, 2)), MINUS_INFINITY),
    call(scores, address.add(g, query), address.add(v, key), keys, count, head, one, ds),
    along.set(f32x4.of(0)), // Σ_j p_j·(g·v_j), what the softmax subtracts
    loop(j, 0, head, VECTOR, [
      value.set(v128.load(address.add(address.add(g, query), j))),
      along.set(madd(value, v128.load(address.add(address.add(out, query), j)), along)),
    ]),
    along.set(f32x4.splat(sumLanes(along))),
    total.set(v128.load32Splat(address.add(lse, lseAt))),
    when(f32.lt(f32.of(0), softcap), differentiate(count, true), differentiate(count, false)),
    call(weightedSum, address.add(k, key), keys, ds, count, head, one, address.add(dq, query)),
    call(addToRows, address.add(q, query), keys, ds, count, head, address.add(dk, key)),
    call(addToRows, address.add(g, query), keys, p, count, head, address.add(dv, key)),
  ]);
});
