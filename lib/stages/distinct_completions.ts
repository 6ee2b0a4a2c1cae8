/** Rows in which prompts and completions come again, as examples in which they do not. */
import type { TokenPair } from "../data/token_pair.ts";
import type { Example } from "../tensor/ragged.ts";

/** Most completions of one example of `distinctCompletions`. */
const MOST_COMPLETIONS = 32;

/** The completions of some rows, each prompt and each completion of it once: where they stand, not what they are. */
export interface DistinctCompletions {
  /**
   * Of each prompt the places of its completions: 2·row of one that is chosen there, 2·row + 1 of a rejected one. A prompt
   * of very many has several of these.
   */
  readonly places: readonly Int32Array[];
  /** Of each row the numbers of chosen and rejected among all completions, in order, `[2·rows]`. */
  readonly numbers: Int32Array;
}

/** The completion at a place. */
function completionAt(rows: readonly TokenPair[], place: number): Int32Array {
  const { chosen, rejected } = rows[place >> 1] as TokenPair;
  return place % 2 === 0 ? chosen : rejected;
}

/** The prompts and completions that stand at these places. */
export function examplesAt(
  rows: readonly TokenPair[],
  places: DistinctCompletions["places"],
): readonly Example[] {
  return places.map((own) => ({
    prompt: (rows[(own[0] as number) >> 1] as TokenPair).prompt,
    completions: Array.from(own, (place) => completionAt(rows, place)),
  }));
}

/** What is to be computed for rows in which prompts and completions come again: the same bits as row by row, once. */
export function distinctCompletions(rows: readonly TokenPair[]): DistinctCompletions {
  const groups: number[][] = [];
  const open = new Map<string, number>(), seen = new Map<string, readonly [group: number, at: number]>();
  const found = (place: number): readonly [group: number, at: number] => {
    const own = (rows[place >> 1] as TokenPair).prompt.join(), name = `${own} ${completionAt(rows, place).join()}`;
    const before = seen.get(name);
    if (before !== undefined) return before;
    let group = open.get(own) ?? -1;
    if (group < 0 || (groups[group] as number[]).length >= MOST_COMPLETIONS) {
      group = groups.push([]) - 1;
      open.set(own, group);
    }
    const first = [group, (groups[group] as number[]).push(place) - 1] as const;
    seen.set(name, first);
    return first;
  };
  const all = Array.from({ length: 2 * rows.length }, (_, place) => found(place));
  let end = 0;
  const starts = groups.map(({ length }) => (end += length) - length);
  return {
    places: groups.map((own) => Int32Array.from(own)),
    numbers: Int32Array.from(all, ([group, at]) => (starts[group] as number) + at),
  };
}
