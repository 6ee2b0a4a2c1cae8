/**
 * The walk over segments that attention and its gradients share: which keys a query sees, and where a query stands.
 *
 * The keys a query sees are a list of row offsets, made once for each segment: the prefix, then its own rows.
 */

import { address, call, func, type Local, locals, loop, type Value, when } from "./assembler.ts";
import type { Code, Func, Type } from "./encode.ts";

/** Entries by which lists of keys and scores may be read or written beyond their end. */
export const SLACK = 4;

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

/** What both directions take, as locals. */
export type Shared = { readonly [K in keyof typeof params]: Local<typeof params[K]> };

/** Offsets in bytes of a query and of its log-sum-exp. */
export type Place = Readonly<Record<"query" | "lse", Local<"address">>>;

type Field = Value<"address">;

const FIELD = 4, FIELDS = 6;

/** The fields of a segment: `[start, end, prefixStart, prefixEnd, keyStart, past]`. */
function fieldsOf(segment: Local<"address">): readonly [Field, Field, Field, Field, Field, Field] {
  const field = (i: number): Field => address.load32(segment, FIELD * i);
  return [field(0), field(1), field(2), field(3), field(4), field(5)];
}

/** The offsets in bytes of the key rows of a segment, the last one repeated. */
const listKeys = func("listKeys", { segment: "address", rowBytes: "address", keys: "address" }, (
  { segment, rowBytes, keys },
  local,
) => {
  const [row, last] = [local("address"), local("address")];
  const [start, end, prefixStart, prefixEnd, keyStart, past] = fieldsOf(segment);
  const append = [address.store32(keys, last), keys.set(address.add(keys, 4))];
  const listed = [last.set(address.mul(row, rowBytes)), append];
  return [
    loop(row, prefixStart, prefixEnd, 1, listed),
    loop(row, keyStart, address.add(address.add(keyStart, past), address.sub(end, start)), 1, listed),
    Array(SLACK).fill(append),
  ];
});

/** Runs `body` for the rows of every segment: its keys are listed, and `before` says how many stand before its rows' own. */
export function eachSegment(p: Shared, before: Local<"address">, body: (start: Field, end: Field) => Code): Code {
  const [start, end, prefixStart, prefixEnd, , past] = fieldsOf(p.segment);
  return loop(p.segment, p.segment, p.segmentsEnd, FIELD * FIELDS, [
    call(listKeys, p.segment, address.mul(p.kvHeads, p.head), p.keys),
    before.set(address.add(address.sub(prefixEnd, prefixStart), past)),
    body(start, end),
  ]);
}

/** Where the window is narrower than the `seen` keys, the last of them: where they begin, and how many. */
export function withinWindow(
  p: Shared,
  seen: Local<"address">,
  { keys, count }: Readonly<Record<"keys" | "count", Local<"address">>>,
): Code {
  return when(address.lt(p.window, seen), [
    keys.set(address.add(p.keys, address.shl(address.sub(seen, p.window), 2))),
    count.set(p.window),
  ]);
}

/** The place of the query of a row and head. */
export function setPlace(p: Shared, row: Local<"address">, index: Local<"address">, { query, lse }: Place): Code {
  return [
    lse.set(address.add(address.mul(row, p.heads), index)),
    query.set(address.mul(lse, p.head)),
    lse.set(address.shl(lse, 2)),
  ];
}

/** What takes the place of `segment`, `segmentsEnd`, `first` and `last` where work is counted in units. */
const counted = {
  segments: "address",
  cuts: "address",
  pieces: "address",
  group: "address",
  unit: "address",
  unitsEnd: "address",
} as const;

/**
 * A function of some segments and heads as one of units: a unit is `group` heads in a piece, which are the segments between
 * two cuts. The heads' first group comes first, in all pieces.
 */
export function inUnits(name: string, ofSegments: Func, given: Readonly<Record<string, Type>>): Func {
  const own = Object.keys(given).filter((key) => !["segment", "segmentsEnd", "first", "last"].includes(key));
  const types: Readonly<Record<string, Type>> = Object.fromEntries(own.map((key) => [key, given[key] as Type]));
  return func(name, { ...counted, ...types }, (all, local) => {
    const { segments, cuts, pieces, group, unit, unitsEnd } = all;
    const [segment, segmentsEnd, first, last, cut] = locals(local, "address", 5);
    const segmentAt = (i: number) => address.add(segments, address.mul(address.load32(cut, 4 * i), FIELD * FIELDS));
    const args = { ...all as Readonly<Record<string, Local<Type>>>, segment, segmentsEnd, first, last };
    return loop(unit, unit, unitsEnd, 1, [
      first.set(address.div(unit, pieces)),
      cut.set(address.add(cuts, address.shl(address.sub(unit, address.mul(first, pieces)), 2))),
      [segment.set(segmentAt(0)), segmentsEnd.set(segmentAt(1))],
      [first.set(address.mul(first, group)), last.set(address.add(first, group))],
      call(ofSegments, ...Object.keys(given).map((key) => args[key as keyof typeof args])),
    ]);
  });
}
