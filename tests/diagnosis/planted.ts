/** Faults to plant into healthy pairs: how each is planted, and what must be found in which rows. */
import type { DiagnosisOptions, FindingKind, Pair } from "../../mod.ts";
import { estimatedTokens } from "../../mod.ts";
import { healthyPairs } from "../../fixtures/world/healthy.ts";

/** A row before it is read. */
export type Raw = Readonly<Record<string, unknown>> & {
  readonly prompt?: unknown;
  readonly chosen: string;
  readonly rejected: string;
};

/** Number of healthy rows. */
export const N = 600;
export const HEALTHY: readonly Raw[] = healthyPairs(N).data.map(({ prompt, chosen, rejected }) => ({
  prompt,
  chosen,
  rejected,
}));

/** Data with a fault in it. */
export interface Planted {
  readonly rows: readonly Raw[];
  readonly options?: DiagnosisOptions;
  readonly kind: FindingKind;
  /** Rows that must be named. */
  readonly found: readonly number[];
  /** Whether these alone, these among others that go the same way, or most of both: an estimate is no proof. */
  readonly how?: "alone" | "among" | "mostly";
}

const text = (row: Raw): string => row.prompt as string;

/** Rows with some of them changed. */
function edited(
  at: readonly number[],
  change: (row: Raw, nth: number) => Partial<Raw>,
  rows = HEALTHY,
): readonly Raw[] {
  return rows.map((row, i) => at.includes(i) ? { ...row, ...change(row, at.indexOf(i)) } : row);
}

/** Healthy rows with one text of each named row replaced. */
function withTexts(
  kind: FindingKind,
  edits: readonly (readonly [number, keyof Raw, (old: string) => string])[],
): Planted {
  const at = edits.map(([i]) => i);
  return {
    rows: edited(at, (row, nth) => {
      const [, field, change] = edits[nth]!;
      return { [field as string]: change(row[field as string] as string) };
    }),
    kind,
    found: at,
  };
}

/** Healthy rows and others behind them, which must be found, or some. */
function appended(kind: FindingKind, extra: readonly Raw[], found = extra.map((_, i) => N + i)): Planted {
  return { rows: [...HEALTHY, ...extra], kind, found };
}

const turned = ({ chosen, rejected, ...rest }: Raw): Raw => ({ ...rest, chosen: rejected, rejected: chosen });
const every = (step: number, from = 0): readonly number[] =>
  Array.from({ length: Math.floor((N - from - 1) / step) + 1 }, (_, i) => from + i * step);

/** Some sentences of the village in a row: the chosen ones from row `i` on, the same number for any `i`. */
const passage = (i: number, sentences: number, side: "chosen" | "rejected" = "chosen"): string =>
  Array.from({ length: sentences }, (_, k) => HEALTHY[(i + 7 * k) % N]![side]).join(" ");

const GOOD = ["merry", "sunny", "clean", "sweet", "brave", "tasty", "lucky", "quick"];
const BAD = ["dirty", "nasty", "angry", "rough", "dusty", "bleak", "mushy", "stale"];

/** Healthy rows with words in them that tell which reply is better. */
export const TELLING: readonly Raw[] = HEALTHY.map((row, i) => ({
  ...row,
  chosen: `${row.chosen} A ${GOOD[i % 8]}, ${GOOD[(i >> 3) % 8]} day.`,
  rejected: `${row.rejected} A ${BAD[(i >> 1) % 8]}, ${BAD[(i >> 4) % 8]} day.`,
}));

/** Healthy rows of which some have four such words, some one, and some none. */
const PARTLY_TELLING: readonly Raw[] = HEALTHY.map((row, i) => {
  const ends = (words: readonly string[]): string =>
    i % 3 === 0
      ? ""
      : ` A ${words[i % 8]} day.${i % 3 === 1 ? ` Some ${[3, 4, 6].map((k) => words[(i >> k) % 8])}.` : ""}`;
  return { ...row, chosen: row.chosen + ends(GOOD), rejected: row.rejected + ends(BAD) };
});

/** Some of these rows turned round. */
function noisy(kind: FindingKind, at: readonly number[], rows = TELLING): Planted {
  return { rows: edited(at, turned, rows), kind, found: at, how: "mostly" };
}

/** Rows with both replies long, `cut` of which are cut off; found where the cut falls into a sentence. */
function cutOff(cut: readonly number[], limit: (i: number) => number): Planted {
  const long = HEALTHY.map((row, i) => ({
    ...row,
    chosen: passage(i, 4 + i % 7),
    rejected: passage(i + 3, 4 + (i * 5) % 7, "rejected"),
  }));
  const rows = edited(cut, ({ chosen, rejected }, nth) => {
    const shorter = (old: string): string => `${old} ${passage(nth, 12)}`.slice(0, limit(nth));
    return nth % 2 === 0 ? { chosen: shorter(chosen) } : { rejected: shorter(rejected) };
  }, long);
  const inside = (side: string): boolean => /[A-Za-z,]$/.test(side.trim());
  return { rows, kind: "truncated", found: cut.filter((i) => inside(rows[i]!.chosen) || inside(rows[i]!.rejected)) };
}

const heldOut = (prompts: readonly string[]): DiagnosisOptions => ({
  against: prompts.map((prompt, i): Pair => ({ id: `h${i}`, prompt, chosen: "Yes.", rejected: "No." })),
});

const longPrompt = passage(5, 9);
const oneWordOther = (old: string): string => old.replace(/lives|plays|makes|comes|likes|wears/, "surely");

/** Each fault by name. */
export const FAULTS: Readonly<Record<string, Planted>> = {
  "chosen and rejected the same": {
    rows: edited([10, 500], ({ chosen }) => ({ rejected: chosen })),
    kind: "identical",
    found: [10, 500],
  },
  "chosen and rejected the same but for case and a full stop": {
    rows: edited([11, 501], ({ chosen }) => ({ rejected: chosen.toUpperCase().replace(/\.$/, "") })),
    kind: "identical",
    found: [11, 501],
  },
  "a row twice": appended("near-duplicate", [HEALTHY[5]!, HEALTHY[400]!]),
  "a row retyped with other capitals and spaces": appended("near-duplicate", [
    { ...HEALTHY[6]!, chosen: `  ${HEALTHY[6]!.chosen.toUpperCase()}\n` },
  ]),
  "a long row again with one word changed": appended("near-duplicate", [
    { prompt: longPrompt, chosen: passage(11, 8), rejected: passage(12, 8, "rejected") },
    { prompt: longPrompt, chosen: oneWordOther(passage(11, 8)), rejected: passage(12, 8, "rejected") },
  ], [N + 1]),
  "a row again with the choice exchanged": appended("conflict", [turned(HEALTHY[20]!)], [20, N]),
  "a long row again, changed by a word and exchanged": appended("conflict", [
    { prompt: longPrompt, chosen: passage(11, 8), rejected: passage(12, 8, "rejected") },
    { prompt: longPrompt, chosen: oneWordOther(passage(12, 8, "rejected")), rejected: passage(11, 8) },
  ]),
  "A before B before C before A": appended("conflict", [
    { prompt: "Which pie?", chosen: "The fig pie.", rejected: "The plum pie." },
    { prompt: "Which pie?", chosen: "The plum pie.", rejected: "The nut pie." },
    { prompt: "Which pie?", chosen: "The nut pie.", rejected: "The fig pie." },
  ]),
  "negative margins": {
    rows: HEALTHY.map((row, i) => ({ ...row, margin: i === 30 || i === 31 ? -2 : 1 + i % 3 })),
    kind: "swapped",
    found: [30, 31],
  },
  "labels below one half": {
    rows: HEALTHY.map((row, i) => ({ ...row, label: i === 40 || i === 41 ? 0.2 : 0.8 + (i % 3) / 10 })),
    kind: "swapped",
    found: [40, 41],
  },
  "a shard with the two columns exchanged": noisy("swapped", every(1, 400).slice(0, 60)),
  "one label in ten turned round": noisy("label-noise", every(10, 3)),
  "one label in ten turned round, where some rows have four telling words, some one and some none": {
    ...noisy("label-noise", every(10, 3).filter((i) => i % 3 > 0), PARTLY_TELLING),
    found: every(10, 3).filter((i) => i % 3 === 1), // with one word a wrong label is not likelier than a right one
  },
  "three annotators, one of whom mostly disagrees": {
    rows: [...HEALTHY, ...HEALTHY.slice(0, 60).flatMap((row, i) => [row, i % 4 === 0 ? row : turned(row)])],
    kind: "label-noise",
    found: every(1).slice(0, 60).flatMap((i) => i % 4 === 0 ? [] : [N + 2 * i + 1]),
  },
  "longer replies preferred": {
    rows: edited(every(3), ({ chosen }) => ({ chosen: `${chosen} So they say in the village, at least.` })),
    kind: "length-bias",
    found: every(3),
    how: "among",
  },
  "lists preferred": {
    rows: edited(every(4), ({ chosen, rejected }) => ({
      chosen: `- ${chosen}\n- Good day.`,
      rejected: `+ ${rejected}\n+ Good day.`,
    })),
    kind: "format-bias",
    found: every(4),
  },
  "an opening preferred": {
    rows: edited(every(6), ({ chosen, rejected }, nth) => ({
      chosen: `Sure, ${chosen}`,
      rejected: `${["Well", "Oops", "Okay", "Look", "Nice", "Fine"][nth % 6]}, ${rejected}`,
    })),
    kind: "format-bias",
    found: every(6),
  },
  "emoji avoided": {
    rows: edited(every(9), ({ chosen, rejected }) => ({ chosen: `${chosen} :)`, rejected: `${rejected} 🙂` })),
    kind: "format-bias",
    found: every(9),
  },
  "special tokens in texts": withTexts("template-debris", [
    [50, "chosen", (old) => `${old}<|im_end|>`],
    [51, "rejected", (old) => `${old}</s>`],
    [52, "prompt", (old) => `<s>[INST] ${old} [/INST]`],
    [53, "chosen", (old) => `${old}<｜end▁of▁sentence｜>`],
  ]),
  "turns inside replies": withTexts("template-debris", [
    [60, "chosen", (old) => `${old}\n\nHuman: Thank you.`],
    [61, "rejected", (old) => `### Response:\n${old}`],
    [62, "chosen", (old) => `${old}\nUser:`],
    [63, "rejected", (old) => `Assistant: ${old}`],
  ]),
  "the prompt in front of both replies": {
    rows: edited([70, 71], () => ({
      prompt: "Where do the gulls of Pebble Bay sleep?",
      chosen: "Where do the gulls of Pebble Bay sleep? On the pier.",
      rejected: "Where do the gulls of Pebble Bay sleep? In the well.",
    })).map((row, i) => i === 71 ? { ...HEALTHY[71]! } : row),
    kind: "template-debris",
    found: [70],
  },
  "UTF-8 read as something else": withTexts("encoding-debris", [
    [80, "chosen", (old) => `${old} In the cafÃ©.`],
    [81, "rejected", (old) => `${old} Thatâ€™s it.`],
    [82, "prompt", (old) => `${old} \ufffd`],
    [83, "chosen", (old) => `${old} ðŸ˜Š`],
  ]),
  "HTML and escapes as text": withTexts("encoding-debris", [
    [90, "chosen", (old) => `Salt &amp; pepper. ${old}`],
    [91, "rejected", (old) => `${old}<br>Yes.`],
    [92, "chosen", (old) => `${old}\\n\\nGood day.`],
  ]),
  "empty replies": withTexts("empty", [[100, "chosen", () => ""], [101, "rejected", () => " \n"]]),
  "replies without a word": withTexts("empty", [[110, "chosen", () => "..."], [111, "rejected", () => "[deleted]"]]),
  "replies cut at 160 characters": cutOff(every(12, 2), () => 160),
  "replies cut at a number of tokens": cutOff(every(9, 1), (i) => 330 + (i * 37) % 60),
  "held-out prompts in the data, one in capitals": {
    rows: edited([120], (row) => ({ prompt: text(row).toUpperCase() })),
    options: heldOut([text(HEALTHY[120]!), text(HEALTHY[121]!), "Who sleeps on the pier?"]),
    kind: "leakage",
    found: [120, 121],
  },
  "a held-out prompt in the data but for one word": {
    rows: edited([122], () => ({ prompt: oneWordOther(longPrompt) })),
    options: heldOut([longPrompt]),
    kind: "leakage",
    found: [122],
  },
  "a prompt in two spellings": appended("leakage", [
    { prompt: ` ${text(HEALTHY[123]!).toUpperCase()}`, chosen: "The gulls know.", rejected: "The crabs know." },
  ]),
  "texts beyond the context": {
    rows: edited([130, 131], (_, nth) => ({ prompt: `${passage(nth, 60)} Right?` })),
    options: { fit: { context: 256, tokensOf: estimatedTokens(4) } },
    kind: "context",
    found: [130, 131],
  },
  "labels that are always 1": {
    rows: HEALTHY.map((row) => ({ ...row, label: 1 })),
    kind: "label",
    found: every(1),
  },
  "weights of 0": {
    rows: HEALTHY.map((row, i) => ({ ...row, weight: i === 140 || i === 141 ? 0 : 1 })),
    kind: "weight",
    found: [140, 141],
  },
  "one weight in other units": {
    rows: HEALTHY.map((row, i) => ({ ...row, weight: i === 142 ? 1000 : 1 })),
    kind: "weight",
    found: [142, 0],
    how: "among",
  },
  "a margin for some rows only": {
    rows: HEALTHY.map((row, i) => i === 150 ? row : { ...row, margin: 1 + i % 2 }),
    kind: "margin",
    found: [150],
  },
  "a prompt with a quarter of all rows": appended(
    "imbalance",
    every(3).map((i) => ({ prompt: "Say something.", chosen: passage(i, 2), rejected: passage(i + 1, 2, "rejected") })),
  ),
  "dialogues that part early": {
    rows: edited([160], () => ({
      prompt: undefined,
      chosen: "\n\nHuman: Hi\n\nAssistant: Hello.",
      rejected: "\n\nHuman: Hey\n\nAssistant: Hello.",
    })),
    kind: "odd-dialogue",
    found: [160],
  },
  "two turns of one speaker in a row": {
    rows: edited([161], (row) => ({
      prompt: [{ role: "user", content: "Hi." }, { role: "user", content: text(row) }],
    })),
    kind: "odd-dialogue",
    found: [161],
  },
  "an id twice": {
    rows: HEALTHY.map((row, i) => ({ ...row, id: `r${i === 171 ? 170 : i}` })),
    kind: "id",
    found: [170], // by its name
  },
};
