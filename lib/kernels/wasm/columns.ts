/**
 * How products with few rows walk over the columns of B, which lie contiguously: copies of B into panels would cost as much
 * as the products, so B is read as it lies, once.
 *
 * An element is the same chain as in `gemm.ts`: products in order of k within a block of `KC`, and the blocks in order.
 */

import {
  type Address,
  address,
  f32x4,
  type Local,
  locals,
  loop,
  type NewLocal,
  v128,
  type Vector,
  when,
} from "./assembler.ts";
import type { Code } from "./encode.ts";
import { atMost, KC } from "./gemm.ts";
import { FLOAT } from "./vectors.ts";

/** The numbers 0 … n−1. */
export const range = (n: number): number[] => [...Array(n).keys()];

/** Columns of B that are multiplied at once; a width must be a multiple of it, and a depth of `FEW_STEPS`. */
export const FEW_COLUMNS = 8;
/** Steps of k that are loaded at once. */
export const FEW_STEPS = 4;
/** Calls `body` for each block of k: its place in bytes, its steps, and whether C is to be added to. */
export function eachBlock(
  local: NewLocal,
  { depth, add }: { readonly depth: Local<"address">; readonly add: Local<"address"> },
  body: (k: Local<"address">, steps: Local<"address">, more: Local<"address">) => Code,
): Code {
  const [k, steps, more] = [local("address"), local("address"), local("address")];
  return [
    more.set(add),
    loop(k, 0, depth, KC, [
      steps.set(address.sub(depth, k)),
      atMost(steps, KC),
      body(k, steps, more),
      more.set(address.of(1)),
    ]),
  ];
}

/** Bytes of a page of memory. Processors fetch ahead what is read in order within one. */
const PAGE = 4_096;

/** Where the next columns of B and C are, and what lies between those that are taken together. */
export interface Place {
  readonly b: Local<"address">;
  readonly apart: Local<"address">;
  readonly c: Local<"address">;
  /** Bytes in B, and in C. */
  readonly bStep: Local<"address">;
  readonly cStep: Local<"address">;
}

/**
 * Runs `multiply` for `columns` columns at a time, from `column` to `end`, whose difference they divide. Where columns are
 * shorter than a page every second one is taken in one turn and those between in the next, so that most of them lie in
 * pages of their own: from memory they come up to one and a half times as quickly so.
 */
export function eachColumns(
  local: NewLocal,
  { column, end, columns }: { readonly column: Local<"address">; readonly end: Address; readonly columns: number },
  { b, apart, c, bStep, cStep }: Place,
  multiply: Code,
): Code {
  const [turn, pairs, step] = locals(local, "address", 3);
  const take = (every: number, next: number): Code => [
    bStep.set(address.mul(apart, every)),
    cStep.set(address.of(every * FLOAT)),
    step.set(address.of(next)),
  ];
  const move = (columns: Address): Code => [
    b.set(address.add(b, address.mul(apart, columns))),
    c.set(address.add(c, address.mul(columns, FLOAT))),
  ];
  return [
    pairs.set(address.add(column, address.mul(address.div(address.sub(end, column), 2 * columns), 2 * columns))),
    when(address.lt(apart, PAGE), take(2, 1), take(1, columns)),
    loop(column, column, pairs, 2 * columns, [
      loop(turn, 0, 2, 1, [multiply, move(step)]),
      move(address.sub(2 * columns, address.mul(step, 2))),
    ]),
    take(1, columns),
    loop(column, column, end, columns, [multiply, move(columns)]),
  ];
}

/** Stores one of four sums, or adds it to what is there where `add` is 1. */
export const storeLane = (
  lane: number,
  at: Address,
  sum: Vector,
  { add, before }: { readonly add: Local<"address">; readonly before: Local<"v128"> },
): Code =>
  when(address.lt(0, add), [
    before.set(v128.load32Splat(at)),
    v128.store32Lane(lane, at, f32x4.add(before, sum)),
  ], v128.store32Lane(lane, at, sum));
