/** Rows in which prompts and completions come again, as examples in which they do not. */
import type { TokenPair } from "../data/token_pair.ts";
import type { Example } from "../tensor/ragged.ts";

/** Most completions of one example of `distinctCompletions`. */
const MOST_COMPLETIONS = 32;

/** The completions of some rows, each prompt and each completion of it once. */
export interface DistinctCompletions {
  /** Prompts with completions; a prompt of very many has several of these. */
  readonly examples: readonly Example[];
  /** Of each row the numbers of chosen and rejected among all completions, in order. */
  readonly numbers: readonly (readonly [chosen: number, rejected: number])[];
}

/** What is to be computed for rows in which prompts and completions come again: the same bits as row by row, once. */
export function distinctCompletions(rows: readonly TokenPair[]): DistinctCompletions {
  const groups: Int32Array[][] = [], prompts: Int32Array[] = [];
  const open = new Map<string, number>(), seen = new Map<string, readonly [group: number, at: number]>();
  const placed = (prompt: Int32Array, completion: Int32Array): readonly [number, number] => {
    const own = prompt.join(), name = `${own} ${completion.join()}`;
    const before = seen.get(name);
    if (before !== undefined) return before;
    let group = open.get(own) ?? -1;
    if (group < 0 || (groups[group] as Int32Array[]).length >= MOST_COMPLETIONS) {
      group = groups.push([]) - 1;
      prompts.push(prompt);
      open.set(own, group);
    }
    const place = [group, (groups[group] as Int32Array[]).push(completion) - 1] as const;
    seen.set(name, place);
    return place;
  };
  const places = rows.map(({ prompt, chosen, rejected }) =>
    [placed(prompt, chosen), placed(prompt, rejected)] as const
  );
  let end = 0;
  const starts = groups.map(({ length }) => (end += length) - length);
  const numberOf = ([group, at]: readonly [number, number]): number => (starts[group] as number) + at;
  return {
    examples: groups.map((completions, i) => ({ prompt: prompts[i] as Int32Array, completions })),
    numbers: places.map(([chosen, rejected]) => [numberOf(chosen), numberOf(rejected)]),
  };
}
