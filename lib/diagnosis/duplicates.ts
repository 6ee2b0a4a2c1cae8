/** The same judgement twice, and judgements that contradict each other. */
import type { Pair } from "../data/pair.ts";
import { FORWARD, graph, strongComponents } from "../ranking/components.ts";
import { type Finding, finding, rowsThat, rowsWhere } from "./finding.ts";
import { bandsOf, sketchIndex } from "./sketch.ts";
import { comparisonName, type Forms, nearness, nearTexts, numeralsOf, promptText, shingles } from "./text_form.ts";

/** Pairs whose replies differ in case, space and punctuation alone. Equal ones are dropped when the file is read. */
export function identicalReplies(pairs: readonly Pair[], { chosen, rejected }: Forms): readonly Finding[] {
  return finding(pairs, rowsWhere(pairs, (_, row) => chosen[row] === rejected[row]), {
    kind: "identical",
    severity: "note",
    sentence: "Chosen and rejected are the same but for case, space or punctuation.",
    remedy: "Keep these rows only if that difference is what you want to teach; otherwise drop them.",
  });
}

/** For each row the first row with the same prompt and replies, itself if there is none before, whichever is chosen. */
function firstJudgements({ prompt, chosen, rejected }: Forms): Int32Array {
  const seen = new Map<string, number>();
  return prompt.map((p, row) => {
    const name = comparisonName(p, chosen[row]!, rejected[row]!);
    const first = seen.get(name) ?? row;
    if (first === row) seen.set(name, row);
    return first;
  });
}

/** A row that is a near copy of an earlier one; `turned` if the choice is the other way round. */
interface Copy {
  readonly row: number;
  readonly of: number;
  readonly turned: boolean;
}

/** Near copies that are not equal in normal form: prompt and both replies are near, and name the same numbers. */
function nearCopies(pairs: readonly Pair[], first: Int32Array): readonly Copy[] {
  const index = sketchIndex();
  return pairs.flatMap((pair, row): readonly Copy[] => {
    if (first[row] !== row) return [];
    const bands = bandsOf(pair.chosen, pair.rejected);
    const candidates = [...index.near(bands)];
    index.add(row, bands);
    const copies = candidates.flatMap((of) => copyOf(pair, pairs[of]!).map((turned): Copy => ({ row, of, turned })));
    return copies.slice(0, 1);
  });
}

/** Whether a pair is a near copy of another: not at all, or `turned` or not. */
function copyOf(pair: Pair, other: Pair): readonly boolean[] {
  const [chosen, rejected, better, worse] = [pair.chosen, pair.rejected, other.chosen, other.rejected].map(
    shingles,
  ) as [
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
    ReadonlySet<number>,
  ];
  const straight = Math.min(nearness(chosen, better), nearness(rejected, worse));
  const turned = Math.min(nearness(chosen, worse), nearness(rejected, better));
  if (Math.max(straight, turned) === 0 || !nearTexts(promptText(pair.prompt), promptText(other.prompt))) return [];
  const [a, b] = turned > straight ? [other.rejected, other.chosen] : [other.chosen, other.rejected];
  const same = numeralsOf(pair.chosen) === numeralsOf(a) && numeralsOf(pair.rejected) === numeralsOf(b);
  return same ? [turned > straight] : [];
}

/** Repeated judgements: those that agree are duplicates, those that do not are conflicts. */
export function repeatedJudgements(pairs: readonly Pair[], forms: Forms): readonly Finding[] {
  const first = firstJudgements(forms);
  const near = nearCopies(pairs, first);
  const turned = new Set<number>();
  first.forEach((of, row) => {
    if (forms.chosen[row] !== forms.chosen[of]) turned.add(of);
  });
  const opposed = new Set(near.flatMap((copy) => copy.turned ? [copy.of, copy.row] : []));
  first.forEach((of, row) => turned.has(of) && opposed.add(row));
  const repeats = rowsWhere(pairs, (_, row) => first[row] !== row && !opposed.has(row));
  const copies = near.flatMap((copy) => copy.turned ? [] : [copy.row]);
  return [
    ...duplicates(pairs, repeats, copies),
    ...finding(pairs, inOrder(opposed), {
      kind: "conflict",
      severity: "warning",
      sentence: `${rowsThat(opposed.size, "judge")} the same two replies to the same prompt, and not the same way.`,
      remedy:
        "Decide, or make one row of them with the share of votes as its label: opposite rows pull the model both ways.",
    }),
    ...circles(pairs, forms, opposed),
  ];
}

const inOrder = (rows: Iterable<number>): readonly number[] => [...rows].sort((a, b) => a - b);

function duplicates(pairs: readonly Pair[], repeats: readonly number[], copies: readonly number[]): readonly Finding[] {
  const rows = inOrder([...repeats, ...copies]);
  const how = [
    ...repeats.length > 0 ? [`${repeats.length} up to case, space and punctuation`] : [],
    ...copies.length > 0 ? [`${copies.length} but for a few words`] : [],
  ];
  return finding(pairs, rows, {
    kind: "near-duplicate",
    severity: rows.length > pairs.length / 20 ? "warning" : "note",
    sentence: `${rowsThat(rows.length, "repeat", pairs.length)} an earlier one, ${how.join(", ")}.`,
    remedy: "Keep one of each, with a weight if the repetition means something: copies count twice in every epoch.",
  });
}

/** Rows on circles of replies to one prompt, A over B, B over C, C over A: no reward agrees with all of them. */
function circles(
  pairs: readonly Pair[],
  { prompt, chosen, rejected }: Forms,
  known: ReadonlySet<number>,
): readonly Finding[] {
  const numbers = new Map<string, number>();
  const nodeOf = (row: number, reply: Int32Array): number => {
    const name = `${prompt[row]} ${reply[row]}`;
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    return number;
  };
  const open = rowsWhere(pairs, (_, row) => !known.has(row) && chosen[row] !== rejected[row]);
  const from = Int32Array.from(open, (row) => nodeOf(row, chosen));
  const to = Int32Array.from(open, (row) => nodeOf(row, rejected));
  const ways = new Uint8Array(open.length).fill(FORWARD);
  const { label } = strongComponents(graph(numbers.size, { from, to, ways }));
  const rows = open.filter((_, e) => label[from[e]!] === label[to[e]!]);
  return finding(pairs, rows, {
    kind: "conflict",
    severity: "warning",
    sentence: `${rowsThat(rows.length, "prefer")} replies to one prompt in a circle: A to B, B to C and C to A.`,
    remedy: "Judge these replies once more: no reward fits a circle, so the rows pull against each other.",
  });
}
