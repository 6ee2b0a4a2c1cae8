/** Replies that a limit on length has cut off. */
import type { Pair } from "../data/pair.ts";
import { shareInterval } from "../evaluation/interval.ts";
import { chiSquareTail } from "../ranking/distributions.ts";
import { counted, type Finding, finding, share } from "./finding.ts";

/** Ends within a sentence: on a letter, a comma or a hyphen. */
const OPEN_END = /[\p{L},;–-]$/u;
/** Items of a list end without a full stop. */
const ITEM = /^\s*(?:[-*•#|]|\d+[.)])/;

/** Shorter replies are often no sentences at all. */
const [LEAST_CHARACTERS, LEAST_WORDS] = [48, 10];

/** A reply and what tells whether it was cut. */
interface Reply {
  readonly row: number;
  readonly text: string;
  readonly open: boolean;
}

/** Whether a text stops where no sentence does. */
export function stopsShort(text: string): boolean {
  const end = text.trimEnd();
  if (!OPEN_END.test(end) || ITEM.test(end.slice(end.lastIndexOf("\n") + 1))) return false;
  return (end.match(/```/g)?.length ?? 0) % 2 === 0;
}

/**
 * Two marks of a limit, each tested: more replies that stop short at one and the same length than at the lengths around
 * it, and among the longest tenth far more that stop short than among the others.
 */
export function truncatedReplies(pairs: readonly Pair[]): readonly Finding[] {
  const replies = pairs.flatMap(({ chosen, rejected }, row): readonly Reply[] =>
    [chosen, rejected].flatMap((text) => text.length < LEAST_CHARACTERS ? [] : [{ row, text, open: stopsShort(text) }])
  );
  const open = [...new Map(replies.filter((reply) => reply.open).map((reply) => [reply.text, reply])).values()];
  const spikes = [
    ...spikesOf(open, ({ text }) => text.length, { unit: "characters", around: 10, least: LEAST_CHARACTERS }),
    ...spikesOf(open, ({ text }) => text.trim().split(/\s+/).length, { unit: "words", around: 3, least: LEAST_WORDS }),
  ];
  const [spike] = spikes.sort((a, b) => b.rows.length - a.rows.length);
  if (spike === undefined) return longestTenth(pairs, replies);
  return cut(pairs, spike.rows, `stop within a sentence after exactly ${spike.length} ${spike.unit}`);
}

function cut(pairs: readonly Pair[], rows: readonly number[], how: string): readonly Finding[] {
  const distinct = [...new Set(rows)].sort((a, b) => a - b);
  return finding(pairs, distinct, {
    kind: "truncated",
    severity: "error",
    sentence: `Replies of ${counted(distinct.length, "row")} ${how}: a limit on length cut them off.`,
    remedy: "Generate or export them with a higher limit, or drop them: else the model learns to stop anywhere.",
  });
}

type Measure = { readonly unit: string; readonly around: number; readonly least: number };

/** Lengths that far more open replies have than the lengths around: by Poisson's tail, with Bonferroni's correction. */
function spikesOf(
  replies: readonly Reply[],
  lengthOf: (reply: Reply) => number,
  { unit, around, least }: Measure,
): readonly { readonly unit: string; readonly length: number; readonly rows: readonly number[] }[] {
  const byLength = Map.groupBy(replies, lengthOf);
  return [...byLength].flatMap(([length, here]) => {
    if (length < least || here.length < 8) return [];
    let beside = 0;
    for (let d = 1; d <= around; d++) {
      beside += (byLength.get(length - d)?.length ?? 0) + (byLength.get(length + d)?.length ?? 0);
    }
    const expected = (beside + 1) / around; // twice the mean of the neighbours: densities are not flat
    const tail = 1 - chiSquareTail(2 * expected, 2 * here.length); // P(Poisson(expected) ≥ count)
    return tail * byLength.size < 1e-6 ? [{ unit, length, rows: here.map(({ row }) => row) }] : [];
  });
}

/** Limits in tokens leave no sharp length in characters, but nearly all of the longest replies are cut. */
function longestTenth(pairs: readonly Pair[], replies: readonly Reply[]): readonly Finding[] {
  const byLength = replies.toSorted((a, b) => b.text.length - a.text.length);
  const longest = byLength.slice(0, Math.floor(byLength.length / 10));
  if (longest.length < 30) return [];
  const openIn = (some: readonly Reply[]): number => some.filter(({ open }) => open).length / some.length;
  const others = byLength.slice(longest.length);
  const [here, there] = [openIn(longest), openIn(others)];
  const surely = shareInterval(here, longest.length, 3.3).low - shareInterval(there, others.length, 3.3).high;
  if (surely < 0.2) return [];
  const how = `stop within a sentence, ${share(here)} of the longest tenth of replies but ${
    share(there)
  } of the others`;
  return cut(pairs, longest.filter(({ open }) => open).map(({ row }) => row), how);
}
