/** Pairs for tests of `dpoLoss`: as rows of numbers, and drawn. */
import fc from "fast-check";
import { dpoLoss, type DpoOptions, type PairLogps } from "../../lib/losses/dpo.ts";
import { item, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear } from "../oracles.ts";

/** Rows of [chosen, rejected, refChosen, refRejected]. */
export type Rows = readonly (readonly number[])[];

/** Rows as the loss takes them. */
export function pairs(rows: Rows): PairLogps {
  const column = (i: number): Tensor => tensor([rows.length], rows.map((row) => row[i] as number), "f64");
  return { chosen: column(0), rejected: column(1), refChosen: column(2), refRejected: column(3) };
}

/** The mean loss as a number. */
export function value(rows: Rows, options: DpoOptions): number {
  const { loss } = dpoLoss(pairs(rows), options);
  return item(loss.sum) / loss.count;
}

export const rows: Rows = [[-10, -12, -11, -11.5], [-20, -5, -10, -12], [-30, -60, -42, -33], [-7.25, -9.5, -7.5, -7]];
export const some = fc.array(fc.tuple(...Array(4).fill(fc.double({ min: -500, max: 0, noNaN: true }))), {
  minLength: 1,
  maxLength: 8,
}) as fc.Arbitrary<number[][]>;
export const beta = fc.double({ min: 0.01, max: 3, noNaN: true });

/** Equal to twelve digits. */
export const same = (a: number, b: number): void => assertNear(a, b, { rtol: 1e-12, atol: 1e-12 });
