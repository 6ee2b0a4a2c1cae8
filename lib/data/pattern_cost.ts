/**
 * How long a regular expression can take: engines that go back try every way to divide a text among its repetitions, and a
 * file from elsewhere may bring one for which that is as good as for ever.
 */
import { type Part, partsOf } from "./pattern_parts.ts";

/** Ways to match: at most `ways`·nᵈᵉᵍʳᵉᵉ from one place of a text of n characters, before it is given up. */
export interface Cost {
  readonly degree: number;
  readonly ways: number;
}

const ONE: Cost = { degree: 0, ways: 1 };
const times = (a: Cost, b: Cost): Cost => ({ degree: a.degree + b.degree, ways: a.ways * b.ways });

/** Whether there may be no match for it: if not, nobody goes back to what stands before it. */
function mayFail(part: Part): boolean {
  switch (part.type) {
    case "nothing":
      return false;
    case "all":
      return part.parts.some(mayFail);
    case "one":
      return part.parts.every(mayFail);
    case "repeat":
      return part.min > 0 && mayFail(part.body);
    default:
      return true;
  }
}

/** The letters with one of which all begins that it matches, if they are known. */
function lettersOf(part: Part): readonly string[] | undefined {
  switch (part.type) {
    case "atom":
      return part.letter === undefined ? undefined : [part.letter];
    case "all":
      return part.parts[0] && lettersOf(part.parts[0]);
    case "one": {
      const letters = part.parts.map(lettersOf);
      return letters.includes(undefined) ? undefined : [...new Set(letters.flat() as string[])];
    }
    case "repeat":
      return part.min > 0 ? lettersOf(part.body) : undefined;
    default:
      return undefined;
  }
}

/** Whether at most one of these matches at any place, as each begins with letters of its own. */
function areApart(parts: readonly Part[]): boolean {
  const letters = parts.map(lettersOf);
  return !letters.includes(undefined) && new Set(letters.flat()).size === letters.flat().length;
}

/** Whether it matches one text in several ways. */
function varies(part: Part): boolean {
  switch (part.type) {
    case "all":
      return part.parts.some(varies);
    case "one":
      return part.parts.some(varies) || part.parts.length > 1 && !areApart(part.parts);
    case "repeat":
      return part.max !== part.min || varies(part.body);
    default:
      return false; // there is no way back into what only looks
  }
}

/**
 * The cost of a part, to which the engine comes back if what follows it may fail. A repetition of what varies costs more
 * than any power of the length, unless it is the end: then it is never gone back to.
 */
export function costOf(part: Part, isFollowed = false): Cost {
  switch (part.type) {
    case "atom":
    case "nothing":
      return ONE;
    case "look":
      return costOf(part.body);
    case "all":
      return part.parts.reduce(
        (cost, each, i) => times(cost, costOf(each, isFollowed || part.parts.slice(i + 1).some(mayFail))),
        ONE,
      );
    case "one": {
      const costs = part.parts.map((each) => costOf(each, isFollowed)), isOne = areApart(part.parts);
      return costs.reduce((a, b) => ({
        degree: Math.max(a.degree, b.degree),
        ways: isOne ? Math.max(a.ways, b.ways) : a.ways + b.ways,
      }));
    }
    case "repeat":
      return repetition(part, isFollowed);
  }
}

/** The cost of a repetition. What comes once more may follow or not, so that nothing is gone back to where nothing else must. */
function repetition({ body, min, max }: Extract<Part, { type: "repeat" }>, isFollowed: boolean): Cost {
  const once = costOf(body, isFollowed || min > 1);
  if (max <= 1) return isFollowed ? { ...once, ways: once.ways + 1 } : once;
  if (varies(body) && (isFollowed || min > 1)) {
    return max === Infinity
      ? { degree: Infinity, ways: Infinity }
      : { degree: max * once.degree, ways: once.ways ** max };
  }
  if (!isFollowed || max === min) return once;
  return max === Infinity ? { ...once, degree: once.degree + 1 } : { ...once, ways: once.ways * (max - min + 1) };
}

/** Ways that a pattern may have beside those of one repetition: published ones have a dozen. */
const MOST_WAYS = 1000;

/** Characters of a pattern, at most: published ones have up to 500. */
const LONGEST = 20_000;

/**
 * The rule that a regular expression breaks; undefined if it takes at most a time of the square of a text's length.
 *
 * @see Weideman et al. 2016, "Analyzing matching time behavior of backtracking regular expression matchers"
 */
export function patternFault(pattern: string): string | undefined {
  const parts = pattern.length <= LONGEST ? partsOf(pattern) : undefined;
  if (parts === undefined) return "a regular expression must be one that can be read";
  const { degree, ways } = costOf(parts);
  return degree <= 1 && ways <= MOST_WAYS
    ? undefined
    : "a regular expression must not repeat what varies, nor repeat twice, before what may be missing";
}
