/**
 * Blocks of queries that attention and its gradients share: rows of a segment, and the heads that share a key's head. Its
 * queries come row by row, and head by head within a row, two by two.
 */

import { type Address, address, type Local, locals, loop, type NewLocal, when } from "./assembler.ts";
import type { Code } from "./encode.ts";
import { eachSegment, type Place, setPlace, type Shared, withinWindow } from "./segments.ts";

/** A block: its rows and queries, its list of keys, how many of it the first row sees, and the offset of its key head. */
export type Block = Readonly<Record<"rows" | "queries" | "group" | "keys" | "seen" | "key", Local<"address">>>;

/** Runs `body` for every block of up to `most` rows, with the offset of its first query and lse. */
export function eachBlock(
  p: Shared,
  local: NewLocal,
  most: Address,
  body: (block: Block, first: Place) => Code,
): Code {
  const [row, index, before, rows, queries, group] = locals(local, "address", 6);
  const [keys, seen, key, query, lse] = locals(local, "address", 5);
  return [
    group.set(address.div(p.heads, p.kvHeads)),
    eachSegment(p, before, (start, end) => {
      const left = address.sub(end, row);
      return loop(row, start, end, rows, [
        rows.set(address.of(most)),
        when(address.lt(left, rows), rows.set(left)),
        when(address.lt(p.window, address.add(before, rows)), rows.set(address.of(1))), // else lists begin alike
        [keys.set(p.keys), seen.set(address.add(before, 1))],
        withinWindow(p, seen, { keys, count: seen }),
        queries.set(address.mul(rows, group)),
        loop(index, p.first, p.last, group, [
          setPlace(p, row, index, { query, lse }),
          key.set(address.mul(address.div(index, group), p.head)),
          body({ rows, queries, group, keys, seen, key }, { query, lse }),
        ]),
        before.set(address.add(before, rows)),
      ]);
    }),
  ];
}

/** A query of a block: its place, and how many keys it sees. */
export type Query = Place & Readonly<Record<"count", Local<"address">>>;

/** The first or the second of a pair; where there is but one, it is the first. */
export type InPair = 0 | 1;

/** Runs `body` for the queries of a block by pairs, of which the second sees no fewer keys, and `each` for each before. */
export function eachPair(
  p: Shared,
  local: NewLocal,
  { block, first }: { readonly block: Block; readonly first: Place },
  body: (queries: readonly [Query] | readonly [Query, Query]) => Code,
  each: (query: Query, which: InPair) => Code = () => [],
): Code {
  const [cursor, a, b] = [0, 1, 2].map((): Query => {
    const [query, lse, count] = locals(local, "address", 3);
    return { query, lse, count };
  }) as [Query, Query, Query];
  const [i, h] = locals(local, "address", 2);
  const others = address.sub(p.heads, block.group);
  const on = (at: Local<"address">, by: Address): Code => at.set(address.add(at, by));
  const take = (to: Query, which: InPair): Code => [
    (["query", "lse", "count"] as const).map((name) => to[name].set(cursor[name])),
    each(to, which),
    [on(cursor.query, p.head), on(cursor.lse, 4), on(h, 1)],
    when(address.eq(h, block.group), [
      [h.set(address.of(0)), on(cursor.count, 1)],
      [on(cursor.query, address.mul(others, p.head)), on(cursor.lse, address.shl(others, 2))],
    ]),
  ];
  return [
    [cursor.query.set(first.query), cursor.lse.set(first.lse), cursor.count.set(block.seen), h.set(address.of(0))],
    loop(i, 0, block.queries, 2, [
      take(a, 0),
      when(address.lt(address.add(i, 1), block.queries), [take(b, 1), body([a, b])], body([a])),
    ]),
  ];
}
