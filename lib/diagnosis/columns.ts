/** Faults of the numbers beside the texts, and of names of rows. */
import type { Pair } from "../data/pair.ts";
import { counted, type Finding, finding, rowsThat, rowsWhere, share } from "./finding.ts";

/** Columns of which some rows have a value and others have none are named from the second. */
function partly(pairs: readonly Pair[], kind: "label" | "margin" | "weight", read: string): readonly Finding[] {
  const without = rowsWhere(pairs, (pair) => pair[kind] === undefined);
  return finding(pairs, without.length === pairs.length ? [] : without, {
    kind,
    severity: "warning",
    sentence: `${rowsThat(without.length, "have")} no ${kind} where others have one: they count as ${read}.`,
    remedy: `Fill the column, or leave it out: rows without a ${kind} are trained on as if it were ${read}.`,
  });
}

/** Labels that say nothing, or that the other reply is better. */
export function labelFaults(pairs: readonly Pair[]): readonly Finding[] {
  const labels = pairs.flatMap(({ label }) => label ?? []);
  const constant = labels.length > 1 && new Set(labels).size === 1;
  const [first = 1] = labels;
  return [
    ...partly(pairs, "label", "1"),
    ...finding(pairs, constant ? rowsWhere(pairs, ({ label }) => label !== undefined) : [], {
      kind: "label",
      severity: first === 1 ? "note" : "error",
      sentence: `All ${counted(labels.length, "label")} are ${first}: the column says nothing.`,
      remedy: first === 1
        ? "Leave it out, or give the probability that the chosen reply is better, such as the share of votes."
        : "Look where the column comes from: no pair can differ from another in how sure it is.",
    }),
    ...constant ? [] : finding(pairs, rowsWhere(pairs, ({ label }) => label === 0.5), {
      kind: "label",
      severity: "note",
      sentence: "The label is ½: neither reply is better, so these rows pull the two together.",
      remedy: "Drop them, unless ties are what you want to teach.",
    }),
    ...constant ? [] : finding(pairs, rowsWhere(pairs, ({ label = 1 }) => label < 0.5), {
      kind: "swapped",
      severity: "warning",
      sentence: "The label is below ½: it says that the rejected reply is the better one.",
      remedy: "Exchange chosen and rejected and take 1 − label, or find out what the column means.",
    }),
  ];
}

/** Margins with the wrong sign, or that say nothing. */
export function marginFaults(pairs: readonly Pair[]): readonly Finding[] {
  const margins = pairs.flatMap(({ margin }) => margin ?? []);
  const constant = margins.length > 1 && new Set(margins).size === 1;
  return [
    ...partly(pairs, "margin", "0"),
    ...finding(pairs, constant ? rowsWhere(pairs, ({ margin }) => margin !== undefined) : [], {
      kind: "margin",
      severity: "note",
      sentence: `All ${counted(margins.length, "margin")} are ${margins[0]}: the column says nothing.`,
      remedy: "Leave it out, or give by how much each chosen reply is better.",
    }),
    ...finding(pairs, rowsWhere(pairs, ({ margin = 0 }) => margin < 0), {
      kind: "swapped",
      severity: "error",
      sentence: "The margin is negative: the rejected reply was rated higher than the chosen one.",
      remedy: "Exchange chosen and rejected and the sign of the margin, or mend the ratings.",
    }),
  ];
}

/** Weights of nothing, and weights that leave few rows to speak for all. */
export function weightFaults(pairs: readonly Pair[]): readonly Finding[] {
  const zero = rowsWhere(pairs, ({ weight }) => weight === 0);
  const weights = pairs.map(({ weight = 1 }) => weight);
  const total = weights.reduce((a, b) => a + b, 0);
  const effective = total ** 2 / weights.reduce((a, b) => a + b * b, 0);
  const heavy = [...weights.keys()].sort((a, b) => weights[b]! - weights[a]!).slice(0, Math.ceil(effective || 0));
  return [
    ...partly(pairs, "weight", "1"),
    ...finding(pairs, zero, {
      kind: "weight",
      severity: zero.length === pairs.length ? "error" : "note",
      sentence: `${rowsThat(zero.length, "have")} weight 0: they teach nothing.`,
      remedy: "Drop them, or mend the weights: they cost as much time as any other row.",
    }),
    ...finding(pairs, effective < (pairs.length - zero.length) / 5 ? heavy : [], {
      kind: "weight",
      severity: "warning",
      sentence: `Weights are so uneven that ${counted(pairs.length, "row")} count as about ${
        Math.round(effective).toLocaleString("en-US")
      }: (Σw)²/Σw².`,
      remedy: "Cap the largest weights, or check their unit.",
    }),
  ];
}

/** Rows that go by the same name. */
export function repeatedIds(pairs: readonly Pair[]): readonly Finding[] {
  const seen = new Set<string>();
  const rows = rowsWhere(pairs, ({ id }) => seen.size === seen.add(id).size);
  return finding(pairs, rows, {
    kind: "id",
    severity: "note",
    sentence: `${rowsThat(rows.length, "have")} the id of an earlier row: a report cannot tell them apart.`,
    remedy: "Give each row an id of its own, or none: rows without one go by their place.",
  });
}

/** A prompt that has this many times the rows of a prompt in the mean stands out. */
const MANY = 10;

/** A few prompts with many of the rows. */
export function dominantPrompts(pairs: readonly Pair[], prompts: Int32Array): readonly Finding[] {
  const counts = new Map<number, number>();
  for (const prompt of prompts) counts.set(prompt, (counts.get(prompt) ?? 0) + 1);
  const mean = pairs.length / counts.size;
  const standsOut = (n: number): boolean => n > MANY * mean && n > 10;
  const some = [...counts].filter(([, n]) => standsOut(n));
  const held = some.reduce((sum, [, n]) => sum + n, 0);
  const few = new Map(some);
  const rows = held > pairs.length / 10 ? rowsWhere(pairs, (_, row) => few.has(prompts[row]!)) : [];
  return finding(pairs, rows.toSorted((a, b) => few.get(prompts[b]!)! - few.get(prompts[a]!)!), {
    kind: "imbalance",
    severity: "warning",
    sentence: `${counted(some.length, "prompt")} of ${counts.size.toLocaleString("en-US")} ${
      some.length === 1 ? "has" : "have"
    } ${share(held / pairs.length)} of all rows, each more than ${MANY} times the ${mean.toFixed(1)} of the mean.`,
    remedy: "Take fewer pairs of these prompts, or weigh them down: the model is mostly trained and judged on them.",
  });
}
