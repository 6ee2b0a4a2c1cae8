/** Figures over many runs, as the README shows them. */
import { fixed } from "../../mod.ts";

/** A figure before and after. */
export type BeforeAfter<T> = Readonly<Record<"before" | "after", T>>;

/** Gold scores by family and in the mean. */
export type Gold = Readonly<Record<"helpful" | "harmless" | "honest" | "mean", number>>;

/** Something estimated, of which the best guess is shown. */
export interface Estimated {
  readonly estimate: number;
}

/** The median of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
}

/** The median of a figure over runs, with the lowest and highest: `0.42 (0.39 … 0.45)`. */
export function over<Run>(runs: readonly Run[], figure: (run: Run) => number, show: (x: number) => string): string {
  const all = runs.map(figure);
  return `${show(median(all))} (${show(Math.min(...all))} … ${show(Math.max(...all))})`;
}

/** With two decimals. */
export const two = (x: number): string => fixed(x, 2);

/** Before and after of a figure, as a row. */
export function change<Run>(
  name: string,
  runs: readonly Run[],
  pick: (run: Run) => BeforeAfter<number>,
  show = two,
): string {
  return `| ${name} | ${over(runs, (r) => pick(r).before, show)} | ${over(runs, (r) => pick(r).after, show)} |`;
}

/** Gold scores before and after, by family. */
export function goldRows<Run extends { readonly gold: BeforeAfter<Gold> }>(runs: readonly Run[]): readonly string[] {
  const of = (family: keyof Gold) => ({ gold }: Run): BeforeAfter<number> => (
    { before: gold.before[family], after: gold.after[family] }
  );
  return [
    "| gold score, 0 to 1 | before | after |",
    "|---|---|---|",
    change("helpful", runs, of("helpful")),
    change("harmless", runs, of("harmless")),
    change("honest", runs, of("honest")),
    change("all", runs, of("mean")),
  ];
}
