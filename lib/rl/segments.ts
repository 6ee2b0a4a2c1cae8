/** Completions laid end to end, and which of their tokens the policy chose. */

/** The tokens of one completion that the policy chose, by their places, in order. */
export type Actions = readonly number[];

/**
 * For each completion the places of the tokens that the policy chose: all of them, or where a conversation has several
 * turns those marked in `actions`.
 *
 * @param length T
 * @param offsets completion b holds the tokens offsets[b] … offsets[b+1]−1, `[B+1]`
 * @param actions 1 where the policy chose the token, 0 where it was given, `[T]`; default: all chosen
 * @throws {RangeError} if the offsets do not rise from 0 to T, or `actions` has not T entries
 */
export function actionsOf(length: number, offsets: Int32Array, actions?: ArrayLike<number>): readonly Actions[] {
  const falls = offsets.findIndex((o, i) => i === 0 ? o !== 0 : o < (offsets[i - 1] as number));
  if (falls >= 0 || offsets.at(-1) !== length) {
    const at = falls >= 0 ? falls : offsets.length - 1;
    throw new RangeError(
      `Cannot read completions as the offsets must rise from 0 to ${length}: offsets[${at}] is ${offsets[at]}`,
    );
  }
  if (actions !== undefined) sameLength({ actions }, length);
  return Array.from(offsets.subarray(1), (end, b) => {
    const start = offsets[b] as number;
    const places = Array.from({ length: end - start }, (_, i) => start + i);
    return actions === undefined ? places : places.filter((t) => actions[t] !== 0);
  });
}

/**
 * @throws {RangeError} unless each list has so many entries
 */
export function sameLength(lists: Readonly<Record<string, ArrayLike<unknown>>>, length: number): void {
  for (const [name, list] of Object.entries(lists)) {
    if (list.length !== length) {
      throw new RangeError(`Cannot read ${name} as it must have ${length} entries: it has ${list.length}`);
    }
  }
}
