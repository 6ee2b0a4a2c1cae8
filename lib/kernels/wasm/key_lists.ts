/**
 * Products of a query with the rows of a list, and sums over them: for one query, or for two that share the list, which
 * then read each row once. An element is the same chain in both.
 */

import { address, f32x4, func, type Local, loop, type NewLocal, v128, type Value, when } from "./assembler.ts";
import type { Code, Func } from "./encode.ts";
import { FLOAT, transpose, VECTOR } from "./vectors.ts";

const { add, mul, madd } = f32x4;

/** How many queries a function takes; of one, the second's arguments are not read. */
export type Queries = 1 | 2;

/** An emitted function for one query and for two. */
const forQueries = (write: (n: Queries) => Func): Readonly<Record<Queries, Func>> => ({ 1: write(1), 2: write(2) });

/** Bytes of a row of scores, filled up to whole vectors. */
export const filled = (count: Local<"address">): Value<"address"> =>
  address.and(address.add(address.shl(count, 2), VECTOR - 1), -VECTOR);

/** What such a row is filled up with. */
export const MINUS_INFINITY = f32x4.of(-Infinity);

/** to[j] ← scale · x·rows[keys[j]], four keys at a time; up to three more are written. */
export const scores: Readonly<Record<Queries, Func>> = forQueries((n) =>
  func(`scores${n}`, {
    x: "address",
    x1: "address",
    rows: "address",
    keys: "address",
    count: "address",
    head: "address",
    scale: "f32",
    to: "address",
    to1: "address",
  }, ({ x, x1, rows, keys, count, head, scale, to, to1 }, local) => {
    const four = [0, 1, 2, 3];
    const [j, d, key] = [local("address"), local("address"), local("v128")];
    const at = four.map(() => local("address"));
    const scratch = four.map(() => local("v128"));
    const queries = [{ x, to }, { x: x1, to: to1 }].slice(0, n).map((query) => ({
      ...query,
      value: local("v128"),
      sums: four.map(() => local("v128")) as [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">],
    }));
    return loop(j, 0, count, 4, [
      at.map((p, i) => p.set(address.add(rows, address.load32(keys, 4 * i)))),
      queries.map(({ sums }) => sums.map((sum) => sum.set(f32x4.of(0)))),
      loop(d, 0, head, VECTOR, [
        queries.map(({ x, value }) => value.set(v128.load(address.add(x, d)))),
        at.map((from, i) => [
          key.set(v128.load(address.add(from, d))),
          queries.map(({ value, sums }) => sums[i]!.set(madd(value, key, sums[i]!))),
        ]),
      ]),
      queries.map(({ to, sums: [a, b, c, e] }) => [
        transpose([a, b, c, e], scratch),
        v128.store(to, mul(add(add(a, b), add(c, e)), f32x4.splat(scale))),
        to.set(address.add(to, VECTOR)),
      ]),
      keys.set(address.add(keys, VECTOR)),
    ]);
  })
);

/** Runs `body` over the vectors of a head, at most `most` at a time, that fit into registers; `d` is the first's offset. */
function eachPiece(
  local: NewLocal,
  { head, most }: { readonly head: Local<"address">; readonly most: number },
  body: (d: Local<"address">, vectors: number) => Code,
): Code {
  const [d, end] = [local("address"), local("address")];
  const pieces = [8, 4, 1].filter((vectors) => vectors <= most).map((vectors) => [
    end.set(address.add(d, address.and(address.sub(head, d), -vectors * VECTOR))),
    loop(d, d, end, vectors * VECTOR, body(d, vectors)),
  ]);
  return [d.set(address.of(0)), pieces];
}

const listed = {
  keys: "address",
  weights: "address",
  weights1: "address",
  count: "address",
  count1: "address", // not less than count
  head: "address",
} as const;

/** Queries with a register for a weight each, and eight shared among them for the vectors of a head. */
const withRegisters = <Q>(local: NewLocal, queries: readonly Q[]) =>
  queries.map((query) => ({
    ...query,
    weight: local("v128"),
    registers: Array.from({ length: 8 / queries.length }, () => local("v128")),
  }));

/** to ← scale · Σ_j weights[j]·rows[keys[j]], in order of j. */
export const weightedSum: Readonly<Record<Queries, Func>> = forQueries((n) =>
  func(`weightedSum${n}`, {
    rows: "address",
    ...listed,
    scale: "f32",
    scale1: "f32",
    to: "address",
    to1: "address",
  }, ({ rows, keys, weights, weights1, count, count1, head, scale, scale1, to, to1 }, local) => {
    const [j, at, value] = [local("address"), local("address"), local("v128")];
    const all = withRegisters(
      local,
      [{ weights, scale, to }, { weights: weights1, scale: scale1, to: to1 }].slice(0, n),
    );
    return eachPiece(local, { head, most: 8 / n }, (d, vectors) => {
      const add = (queries: typeof all): Code => [
        queries.map(({ weight, weights }) => weight.set(v128.load32Splat(address.add(weights, j)))),
        at.set(address.add(address.add(rows, d), address.load32(address.add(keys, j)))),
        Array.from({ length: vectors }, (_, i) => [
          value.set(v128.load(at, i * VECTOR)),
          queries.map(({ weight, registers }) => registers[i]!.set(madd(weight, value, registers[i]!))),
        ]),
      ];
      return [
        all.map(({ registers }) => registers.slice(0, vectors).map((sum) => sum.set(f32x4.of(0)))),
        loop(j, 0, address.shl(count, 2), FLOAT, add(all)),
        n === 2 ? loop(j, address.shl(count, 2), address.shl(count1, 2), FLOAT, add(all.slice(1))) : [],
        all.map(({ registers, scale, to }) => [
          at.set(address.add(to, d)),
          registers.slice(0, vectors).map((sum, i) => v128.store(at, mul(sum, f32x4.splat(scale)), i * VECTOR)),
        ]),
      ];
    });
  })
);

/**
 * rows[keys[j]] ← rows[keys[j]] + Σ_q weights[q, j]·x[q], in order of q: for each j, two of them at a time, whose rows are
 * read and written once for all queries. `weights` has rows of `stride` bytes.
 */
export const addToRows: Func = func("addToRows", {
  x: "address",
  queries: "address",
  keys: "address",
  weights: "address",
  stride: "address",
  count: "address",
  head: "address",
  rows: "address",
}, ({ x, queries, keys, weights, stride, count, head, rows }, local) => {
  const [j, q, from, weight] = [local("address"), local("address"), local("address"), local("address")];
  const value = local("v128");
  const both = [0, 1].map((place) => {
    return { place, at: local("address"), factor: local("v128"), sums: [0, 1, 2, 3].map(() => local("v128")) };
  });
  const add = (taken: typeof both): Code =>
    eachPiece(local, { head, most: 4 }, (d, vectors) => {
      const each = (body: (sum: Local<"v128">, i: number, key: typeof both[number]) => Code): Code =>
        taken.map((key) => key.sums.slice(0, vectors).map((sum, i) => body(sum, i, key)));
      return [
        taken.map(({ at, place }) => at.set(address.add(address.add(rows, d), address.load32(keys, 4 * place)))),
        each((sum, i, { at }) => sum.set(v128.load(at, i * VECTOR))),
        [from.set(address.add(x, d)), weight.set(weights)],
        loop(q, 0, queries, 1, [
          taken.map(({ factor, place }) => factor.set(v128.load32Splat(weight, FLOAT * place))),
          Array.from({ length: vectors }, (_, i) => [
            value.set(v128.load(from, i * VECTOR)),
            taken.map(({ factor, sums }) => sums[i]!.set(madd(factor, value, sums[i]!))),
          ]),
          [from.set(address.add(from, head)), weight.set(address.add(weight, stride))],
        ]),
        each((sum, i, { at }) => v128.store(at, sum, i * VECTOR)),
      ];
    });
  return [
    loop(j, 1, count, 2, [
      add(both),
      [keys.set(address.add(keys, 2 * FLOAT)), weights.set(address.add(weights, 2 * FLOAT))],
    ]),
    when(address.eq(address.and(count, 1), 1), add(both.slice(0, 1))),
  ];
});
