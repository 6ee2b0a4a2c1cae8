/**
 * The name someone may have meant.
 */

/**
 * The number of letters to insert, delete, replace, or swap with their neighbour, to turn `a` into `b`.
 *
 * @see Damerau 1964, "A technique for computer detection and correction of spelling errors" (no letter is edited twice)
 */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  const cost = new Uint16Array((a.length + 1) * width); // cost[i · width + j]: the first i letters into the first j
  const at = (i: number, j: number): number => cost[i * width + j] as number;
  for (let i = 0; i <= a.length; i++) {
    for (let j = 0; j <= b.length; j++) {
      let least = i === 0 || j === 0 ? i + j : Math.min(
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(i - 2, j - 2) + 1);
      }
      cost[i * width + j] = least;
    }
  }
  return at(a.length, b.length);
}

/** The letters of a name as bits, upper and lower case alike. */
function letters(name: string): number {
  let bits = 0;
  for (let i = 0; i < name.length; i++) bits |= 1 << (name.charCodeAt(i) & 31);
  return bits;
}

function countBits(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/**
 * The candidate that `name` is probably a slip for: the closest one, if at most one letter in three is wrong; upper and
 * lower case are alike.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const own = letters(name);
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const allowed = Math.floor(candidate.length / 3);
    const other = letters(candidate);
    // A letter that only one of them has costs an edit: most names are seen to be others at a glance.
    if (countBits(own & ~other) > allowed || countBits(other & ~own) > allowed) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= allowed && distance < least) [best, least] = [candidate, distance];
  }
  return best;
}
