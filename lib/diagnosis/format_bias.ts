/** Which outward traits of a reply predict that it is chosen: lists, headings, exclamation, the words it opens with. */
import type { Pair } from "../data/pair.ts";
import { normalQuantile } from "../ranking/distributions.ts";
import { counted, type Finding, finding, shareWithin } from "./finding.ts";
import { preferenceShare, surelyOff } from "./preference_share.ts";
import { turned } from "./length_bias.ts";
import type { Forms } from "./text_form.ts";

/** The traits, as the end of "the reply with …". */
const TRAITS: Readonly<Record<string, RegExp>> = {
  "a bulleted list": /(?:^|\n) *[-*•] \S[^\n]*\n+ *[-*•] \S/,
  "a numbered list": /(?:^|\n) *\d+[.)] \S[^\n]*(?:\n[^\n]*)?\n+ *\d+[.)] \S/,
  "a heading": /^#{1,6} \S/m,
  "bold text": /\*\*[^\s*][^*\n]*\*\*/,
  "code": /```|`[^`\n]+`/,
  "a table": /^\|.*\|\s*\n\|[\s:|-]+\|/m,
  "a link": /https?:\/\//,
  "several paragraphs": /\S[^\S\n]*\n[^\S\n]*\n\s*\S/,
  "an exclamation mark": /!/,
  "a question at its end": /\?\s*$/,
  "an emoji": /\p{Emoji_Presentation}/u,
  "a word in capitals": /(?<!\p{L})\p{Lu}{4,}(?!\p{L})/u,
};

/** A trait must tell this share of the pairs apart, and so many, by as many different replies, before it is tested. */
const [LEAST_SHARE, LEAST_PAIRS] = [0.01, 30];

/** The whole interval must lie this far off ½. */
const LEAST = 0.05;

/** Pairs in which one reply has the trait and the other has not. */
interface Split {
  readonly name: string;
  /** The words of an opening; empty for other traits. */
  readonly opening: string;
  readonly won: number[];
  readonly lost: number[];
}

/**
 * Found where the interval of the share of chosen among replies with the trait, against one without, lies outside
 * ½ ± 0.05. Intervals are as wide as the number of traits tested asks for (Bonferroni), so that all hold together with
 * 95 %. Of openings that contain each other the most certain is named.
 */
export function formatBias(pairs: readonly Pair[], forms: Forms): readonly Finding[] {
  const enough = ({ won, lost }: Split): boolean => {
    if (won.length + lost.length < Math.max(LEAST_PAIRS, LEAST_SHARE * pairs.length)) return false;
    const replies = [...won.map((row) => forms.chosen[row]), ...lost.map((row) => forms.rejected[row])];
    return new Set(replies).size >= LEAST_PAIRS;
  };
  const tested = [...traitSplits(pairs), ...openingSplits(pairs)].filter(enough);
  const z = normalQuantile(0.05 / Math.max(1, tested.length));
  const found = tested.map((split) => ({ split, bias: preferenceShare(split, forms.unit, z) }))
    .filter(({ bias }) => surelyOff(bias) > LEAST)
    .sort((a, b) => surelyOff(b.bias) - surelyOff(a.bias));
  const told = found.filter(({ split }, i) => !found.slice(0, i).some((surer) => overlap(surer.split, split)));
  return told.flatMap(({ split, bias }) => {
    const { name, won, lost } = split;
    const better = bias.estimate > 0.5;
    const verb = better ? "chosen" : "rejected";
    return finding(pairs, better ? won : lost, {
      kind: "format-bias",
      severity: "warning",
      sentence: `The reply with ${name === "" ? openingName(pairs, split) : name} is ${verb} in ${
        shareWithin(better ? bias : turned(bias))
      } of ${counted(bias.n, "pair")} in which only one has it.`,
      remedy:
        "If you do not mean to teach this form, rewrite these replies without it or add pairs in which it is on the " +
        "other side; a reward model finds it before it finds what is meant.",
    });
  });
}

function traitSplits(pairs: readonly Pair[]): readonly Split[] {
  return Object.entries(TRAITS).map(([name, pattern]) => {
    const split: Split = { name, opening: "", won: [], lost: [] };
    pairs.forEach(({ chosen, rejected }, row) => {
      const has = pattern.test(chosen);
      if (has !== pattern.test(rejected)) (has ? split.won : split.lost).push(row);
    });
    return split;
  });
}

/** The first word, and the first two, of replies. */
function openingSplits(pairs: readonly Pair[]): readonly Split[] {
  const splits = new Map<string, Split>();
  const put = (opening: string, side: "won" | "lost", row: number): void => {
    const split = splits.get(opening) ?? { name: "", opening, won: [], lost: [] };
    splits.set(opening, split);
    split[side].push(row);
  };
  pairs.forEach(({ chosen, rejected }, row) => {
    const [better, worse] = [openingsOf(chosen, 2), openingsOf(rejected, 2)];
    for (const opening of better) if (!worse.includes(opening)) put(opening, "won", row);
    for (const opening of worse) if (!better.includes(opening)) put(opening, "lost", row);
  });
  return [...splits.values()];
}

/** The first word of a text, the first two, and so on. */
function openingsOf(text: string, most: number): readonly string[] {
  const words = text.slice(0, 80).toLowerCase().replaceAll("’", "'").match(/[\p{L}\p{N}'-]+/gu)?.slice(0, most) ?? [];
  return words.map((_, i) => words.slice(0, i + 1).join(" "));
}

/** An opening with the words that nearly always follow it: “as an” is “as an ai” where nothing else begins so. */
function openingName(pairs: readonly Pair[], { opening, won, lost }: Split): string {
  const continued = [...won, ...lost].flatMap((row) =>
    [pairs[row]!.chosen, pairs[row]!.rejected].map((text) => openingsOf(text, 6)).filter((all) => all.includes(opening))
  );
  const depth = opening.split(" ").length;
  let name = opening;
  for (let words = depth; words < 6; words++) {
    const next = Map.groupBy(continued, (all) => all[words] ?? "");
    const [longer, those] = [...next].reduce((a, b) => b[1].length > a[1].length ? b : a);
    if (longer === "" || those.length < 0.9 * continued.length) break;
    name = longer;
  }
  return `the opening “${name}”`;
}

/** Whether both are openings, and one begins with the other. */
function overlap({ opening: a }: Split, { opening: b }: Split): boolean {
  return a !== "" && b !== "" && (a.startsWith(`${b} `) || b.startsWith(`${a} `));
}
