/**
 * Attention over segments, one query and head at a time, or two that see the same keys, which then read each key once.
 *
 * Scores and probabilities of one query stand in a scratch row, so nothing of size T×T exists. A query's value depends on
 * its list of keys alone, whether the rows are a shared prompt, a training batch or a cache, whoever else is in the
 * segment, and whether it is one of two.
 */

import { address, call, f32, f32x4, func, type Local, locals, loop, result, v128, when } from "./assembler.ts";
import { type Block, eachBlock, eachPair } from "./blocks.ts";
import type { Code, Func } from "./encode.ts";
import { filled, MINUS_INFINITY, scores, weightedSum } from "./key_lists.ts";
import { inUnits, params } from "./segments.ts";
import { eachVector, FLOAT, hyperbolicTangent, logarithm, maximum, sumLanes, sumOfExponentials } from "./vectors.ts";

const { mul, div } = f32x4;

const forwardParams = { ...params, p1: "address" } as const;

type Locals = { readonly [K in keyof typeof forwardParams]: Local<typeof forwardParams[K]> };

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

/** Rows of a block: with two, an odd number of heads comes in pairs too. */
const ROWS = 2;

/** Bytes of a cache line. */
const LINE = 64;

/** Reads `bytes` of each listed row, a number of every cache line, and leaves anything in `to`. */
const touchRows = func("touchRows", {
  rows: "address",
  keys: "address",
  count: "address",
  bytes: "address",
  to: "address",
}, ({ rows, keys, count, bytes, to }, local) => {
  const [j, d, at] = locals(local, "address", 3), any = local("v128");
  return [
    loop(j, 0, address.shl(count, 2), FLOAT, [
      at.set(address.add(rows, address.load32(address.add(keys, j)))),
      loop(d, 0, bytes, LINE, any.set(v128.or(any, v128.load(address.add(at, d))))),
    ]),
    v128.store(to, any),
  ];
});

/**
 * Where one query's heads all come here, rows of a cache are read in the order in which they lie before the first of them:
 * processors fetch that ahead, and not what a head reads of them, some lines of each.
 */
const fetchRows = ({ k, v, kvHeads, head, heads, last, p }: Locals, { keys, key, seen, rows }: Block): Code =>
  when(
    address.eq(rows, 1),
    when(
      address.eq(key, 0),
      when(
        address.eq(last, heads),
        [k, v].map((x) => call(touchRows, x, keys, seen, address.mul(kvHeads, head), p)),
      ),
    ),
  );

const ofSegments = func("attentionOfSegments", forwardParams, (all, local) => {
  const { q, k, v, out, lse, head, scale, softcap, p, p1 } = all;
  const [total, total1] = [local("f32"), local("f32")];
  return eachBlock(all, local, ROWS, (block, first) => [
    fetchRows(all, block),
    eachPair(all, local, { block, first }, ([a, b = a]) => {
      const { keys, key } = block, n = a === b ? 1 : 2;
      const [x, x1] = [address.add(q, a.query), address.add(q, b.query)];
      return [
        call(scores[n], x, x1, address.add(k, key), keys, b.count, head, scale, p, p1),
        total.set(result("f32", softmax, p, a.count, softcap, address.add(lse, a.lse))),
        n === 2 ? total1.set(result("f32", softmax, p1, b.count, softcap, address.add(lse, b.lse))) : [],
        call(
          ...[weightedSum[n], address.add(v, key), keys, p, p1, a.count, b.count, head, total, total1] as const,
          ...[address.add(out, a.query), address.add(out, b.query)] as const,
        ),
      ];
    }),
  ]);
});

/** out ← softmax(scale · q·kᵀ)·v, lse ← log Σ exp(scores). */
export const attention: Func = inUnits("attention", ofSegments, forwardParams);
