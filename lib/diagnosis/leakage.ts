/** Prompts on both sides of a split. */
import type { Pair } from "../data/pair.ts";
import { type Finding, finding, rowsThat, rowsWhere } from "./finding.ts";
import { bandsOf, sketchIndex } from "./sketch.ts";
import { type Forms, formsOf, nearTexts, promptText } from "./text_form.ts";

/** One prompt in several spellings: a split by prompt takes them for different ones. Rows of all but the first spelling. */
export function spelledPrompts(pairs: readonly Pair[], { prompt }: Forms): readonly Finding[] {
  const spelling = new Map<number, string>();
  const rows = rowsWhere(pairs, (pair, row) => {
    const [form, text] = [prompt[row]!, promptText(pair.prompt)];
    const first = spelling.get(form);
    if (first === undefined) spelling.set(form, text);
    return first !== undefined && first !== text;
  });
  return finding(pairs, rows, {
    kind: "leakage",
    severity: "warning",
    sentence: `${
      rowsThat(rows.length, "spell")
    } the prompt of an earlier row with other case, space or punctuation: a split by prompt may part the two.`,
    remedy: "Give each prompt one spelling before the data are split.",
  });
}

/** Prompts that a held-out set has too: equal in normal form, or near copies. */
export function heldOutPrompts(pairs: readonly Pair[], heldOut: readonly Pair[]): readonly Finding[] {
  const numbers = new Map<string, number>();
  const [theirs, ours] = [formsOf(heldOut, numbers).prompt, formsOf(pairs, numbers).prompt];
  const firstWith = new Map<number, number>();
  theirs.forEach((form, row) => !firstWith.has(form) && firstWith.set(form, row));
  const index = sketchIndex();
  for (const row of firstWith.values()) index.add(row, bandsOf(promptText(heldOut[row]!.prompt)));
  const nearest = pairs.map((pair, row): number | undefined => {
    const same = firstWith.get(ours[row]!);
    if (same !== undefined) return same;
    const text = promptText(pair.prompt);
    return [...index.near(bandsOf(text))].find((other) => nearTexts(text, promptText(heldOut[other]!.prompt)));
  });
  const rows = rowsWhere(pairs, (_, row) => nearest[row] !== undefined);
  const [first] = rows;
  if (first === undefined) return [];
  const exact = rows.filter((row) => firstWith.has(ours[row]!)).length;
  return finding(pairs, rows, {
    kind: "leakage",
    severity: "error",
    sentence: `${
      rowsThat(rows.length, "have", pairs.length)
    } a prompt of the held-out data: ${exact} in the same words, ${rows.length - exact} nearly (row ${
      pairs[first]!.id
    } is like held-out row ${heldOut[nearest[first]!]!.id}).`,
    remedy: "Drop these rows from the training data, or these prompts from the held-out data: scores on them flatter.",
  });
}
