/**
 * Gradients of attention, a block of queries at a time that see the same keys. Their scores and the gradients of these stand
 * in scratch rows, so that a key's gradient is read and written once for the block. It meets its queries row by row, and
 * head by head within a row, whatever the blocks are.
 */

import {
  type Address,
  address,
  call,
  f32,
  f32x4,
  func,
  type Local,
  locals,
  loop,
  type NewLocal,
  v128,
  when,
} from "./assembler.ts";
import { type Block, eachBlock, eachPair, type Query } from "./blocks.ts";
import type { Code, Func } from "./encode.ts";
import { addToRows, filled, MINUS_INFINITY, type Queries, scores, weightedSum } from "./key_lists.ts";
import { inUnits, params, type Place } from "./segments.ts";
import { eachVector, exponential, hyperbolicTangent, sumLanes, VECTOR } from "./vectors.ts";

const { sub, mul, div, madd, nmadd } = f32x4;

/** p ← exp(scores − lse), ds ← p·(ds − g·out)·scale, with scores capped and the cap's derivative if there is one. */
const differentiate = func("differentiate", {
  g: "address",
  out: "address",
  lse: "address",
  head: "address",
  p: "address",
  ds: "address",
  count: "address",
  scale: "f32",
  softcap: "f32",
}, ({ g, out, lse, head, p, ds, count, scale, softcap }, local) => {
  const [j, value, total, along] = [local("address"), local("v128"), local("v128"), local("v128")];
  const exp = exponential(local);
  const [tanh, slope, cap] = [hyperbolicTangent(local), local("v128"), f32x4.splat(softcap)];
  const each = (isCapped: boolean): Code =>
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
  return [
    v128.store(address.add(p, address.shl(count, 2)), MINUS_INFINITY),
    along.set(f32x4.of(0)), // Σ_j p_j·(g·v_j), what the softmax subtracts
    loop(j, 0, head, VECTOR, [
      value.set(v128.load(address.add(g, j))),
      along.set(madd(value, v128.load(address.add(out, j)), along)),
    ]),
    along.set(f32x4.splat(sumLanes(along))),
    total.set(v128.load32Splat(lse)),
    when(f32.lt(f32.of(0), softcap), each(true), each(false)),
  ];
});

/** out ← x, a row of a head. */
const copyHead = func("copyHead", { x: "address", out: "address", head: "address" }, ({ x, out, head }, local) => {
  const d = local("address");
  return loop(d, 0, head, VECTOR, v128.store(address.add(out, d), v128.load(address.add(x, d))));
});

const backwardParams = {
  ...params,
  ds: "address",
  stride: "address", // bytes from a scratch row of scores to the next query's
  most: "address", // rows of a block
  g: "address",
  dq: "address",
  dk: "address",
  dv: "address",
  x: "address", // the block's queries
  slope: "address", // and their output gradients
} as const;

type Locals = { readonly [K in keyof typeof backwardParams]: Local<typeof backwardParams[K]> };

/** A query of a block with its scratch rows. */
type WithRows = Query & Readonly<Record<"p" | "ds", Local<"address">>>;

/** p, ds and dq of one query, or of two. */
function differentiated(all: Locals, { keys, key }: Block, queries: readonly WithRows[]): Code {
  const { q, k, v, out, lse, head, scale, softcap, g, dq } = all;
  const [a, b = a] = queries as readonly [WithRows, WithRows?];
  const n = queries.length as Queries;
  const one = f32.of(1);
  const offset = (x: Local<"address">) => [address.add(x, a.query), address.add(x, b.query)] as const;
  const derive = ({ query, lse: lseAt, p, ds, count }: WithRows): Code =>
    call(
      differentiate,
      ...[address.add(g, query), address.add(out, query), address.add(lse, lseAt), head, p, ds, count, scale, softcap],
    );
  return [
    call(scores[n], ...offset(q), address.add(k, key), keys, b.count, head, scale, a.p, b.p),
    call(scores[n], ...offset(g), address.add(v, key), keys, b.count, head, one, a.ds, b.ds),
    queries.map(derive),
    call(weightedSum[n], address.add(k, key), keys, a.ds, b.ds, a.count, b.count, head, one, one, ...offset(dq)),
  ];
}

/** Fills the scratch rows of a block, and its part of dq. */
function fillBlock(all: Locals, local: NewLocal, block: Block, first: Place): Code {
  const [p, ds, x, slope] = locals(local, "address", 4);
  const rows = [0, 1].map(() => ({ p: local("address"), ds: local("address") }));
  const on = (at: Local<"address">, by: Address): Code => at.set(address.add(at, by));
  return [
    [p.set(all.p), ds.set(all.ds), x.set(all.x), slope.set(all.slope)],
    eachPair(
      ...[all, local, { block, first }] as const,
      (queries) => differentiated(all, block, queries.map((query, i) => ({ ...query, ...rows[i]! }))),
      ({ query }, which) => [
        [rows[which]!.p.set(p), rows[which]!.ds.set(ds)],
        [call(copyHead, address.add(all.q, query), x, all.head), on(x, all.head)],
        [call(copyHead, address.add(all.g, query), slope, all.head), on(slope, all.head)],
        [on(p, all.stride), on(ds, all.stride)],
      ],
    ),
  ];
}

/** Adds a block's part to dk and dv: of the keys that all its queries see, then of each that only its later rows see. */
function addBlock(all: Locals, local: NewLocal, { rows, queries, group, keys, seen, key }: Block): Code {
  const { x, slope, p, ds, stride, head, dk, dv } = all;
  const [row, first, left, listed] = locals(local, "address", 4);
  const addLater = (of: Local<"address">, weights: Local<"address">, to: Local<"address">): Code =>
    call(
      ...[addToRows, address.add(of, address.mul(first, head)), left, address.add(keys, listed)] as const,
      ...[address.add(address.add(weights, address.mul(first, stride)), listed), stride, 1, head] as const,
      address.add(to, key),
    );
  return [
    call(addToRows, x, queries, keys, ds, stride, seen, head, address.add(dk, key)),
    call(addToRows, slope, queries, keys, p, stride, seen, head, address.add(dv, key)),
    listed.set(address.shl(seen, 2)),
    loop(row, 1, rows, 1, [
      [first.set(address.mul(row, group)), left.set(address.sub(queries, first))],
      [addLater(x, ds, dk), addLater(slope, p, dv)],
      listed.set(address.add(listed, 4)),
    ]),
  ];
}

const ofSegments = func(
  "attentionBackwardOfSegments",
  backwardParams,
  (all, local) =>
    eachBlock(all, local, all.most, (block, first) => [
      fillBlock(all, local, block, first),
      addBlock(all, local, block),
    ]),
);

/** dq ← …, dk and dv are added to: p = exp(scores − lse), ds = p·(g·v − g·out)·scale. */
export const attentionBackward: Func = inUnits("attentionBackward", ofSegments, backwardParams);
