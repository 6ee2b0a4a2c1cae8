/** What the columns of a table of comparisons are called, and what their words mean. */

/** The parts a column can play. */
export type Part =
  | "itemA"
  | "itemB"
  | "winner"
  | "winsA"
  | "winsB"
  | "ties"
  | "ranking"
  | "order"
  | "weight"
  | "judge"
  | "prompt"
  | "time";

/** Names of columns by part, ours first, then those of LMSYS arena data and of llmfao. */
const NAMES: Readonly<Record<Part, readonly string[]>> = {
  itemA: ["item_a", "model_a", "player_a", "left"],
  itemB: ["item_b", "model_b", "player_b", "right"],
  winner: ["winner"],
  winsA: ["wins_a", "winner_model_a", "wins_left"],
  winsB: ["wins_b", "winner_model_b", "wins_right"],
  ties: ["ties", "winner_tie"],
  ranking: ["ranking"],
  order: ["order", "home"],
  weight: ["weight"],
  judge: ["judge", "judge_hash", "worker", "annotator", "rater"],
  prompt: ["prompt", "question_id", "prompt_id"],
  time: ["time", "tstamp", "timestamp", "date"],
};

/** Whether some part is played by columns of this name. */
export function playsPart(column: string): boolean {
  return Object.values(NAMES).some((names) => names.includes(column));
}

/** Positions of the parts among the columns. */
export type Layout = Readonly<Partial<Record<Part, number>>>;

/** Which column plays which part. */
export function layoutOf(columns: readonly string[]): Layout {
  const layout: Partial<Record<Part, number>> = {};
  for (const [part, names] of Object.entries(NAMES) as [Part, readonly string[]][]) {
    const name = names.find((n) => columns.includes(n));
    if (name !== undefined) layout[part] = columns.indexOf(name);
  }
  return layout;
}

/** What is wrong with a header, or nothing. */
export function headerFault(columns: readonly string[], layout: Layout): string | undefined {
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) return `every column needs a name of its own: "${twice}" stands there twice`;
  if (layout.ranking !== undefined) return undefined;
  const pair = layout.itemA !== undefined && layout.itemB !== undefined;
  if (pair && (layout.winner !== undefined || (layout.winsA !== undefined && layout.winsB !== undefined))) {
    return undefined;
  }
  return "it must name item_a, item_b and winner, or item_a, item_b, wins_a, wins_b (and ties), or ranking: " +
    `it names ${columns.slice(0, 12).join(", ").slice(0, 200)}`;
}

const FIRST = new Set(["a", "model_a", "item_a", "left", "first"]);
const SECOND = new Set(["b", "model_b", "item_b", "right", "second"]);
const TIE = ["tie", "draw", "equal", "both_good", "tie (bothgood)"];
const BOTH_BAD = ["both_bad", "bothbad", "tie (bothbad)", "both bad", "neither"];

/** What a word says about a row's two sides. */
export type Verdict = "first" | "second" | "tie" | "both bad";

const VERDICTS = new Map<string, Verdict>([
  ...[...FIRST].map((word) => [word, "first"] as const),
  ...[...SECOND].map((word) => [word, "second"] as const),
  ...TIE.map((word) => [word, "tie"] as const),
  ...BOTH_BAD.map((word) => [word, "both bad"] as const),
]);

/** Who won: a side, one of the two names, a tie; nothing if the word means none of these. */
export function verdictOf(word: string, a: string, b: string): Verdict | undefined {
  if (word === a) return "first"; // an item may be called "b"
  if (word === b) return "second";
  return VERDICTS.get(word) ?? VERDICTS.get(word.toLowerCase());
}

/** Who was at home or shown first: 1 the first-listed, −1 the second, 0 nobody; nothing if unknown. */
export function orderOf(word: string, a: string, b: string): -1 | 0 | 1 | undefined {
  const plain = word.toLowerCase();
  if (word === a || FIRST.has(plain) || plain === "1") return 1;
  if (word === b || SECOND.has(plain) || plain === "-1") return -1;
  return ["", "0", "none", "neutral"].includes(plain) ? 0 : undefined;
}
