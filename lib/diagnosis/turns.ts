/** Replies without a word, and dialogues whose turns do not alternate. */
import { promptMessages } from "../data/chat.ts";
import type { Pair } from "../data/pair.ts";
import { counted, type Finding, finding, rowsWhere } from "./finding.ts";

/** A letter, a figure or a symbol such as an emoji: something is said. */
const SAID = /[\p{L}\p{N}\p{S}]|[:;]-?[()]/u;
/** What stands for a reply where there was none. */
const NOTHING = /^\W*(?:null|none|nan|n\/a|undefined|\[?(?:deleted|removed)\]?)\W*$/i;

/** Replies of punctuation alone, or a word that stands for nothing. Empty ones are dropped when the file is read. */
export function wordlessReplies(pairs: readonly Pair[]): readonly Finding[] {
  const says = (text: string): boolean => SAID.test(text) && !NOTHING.test(text);
  const rows = rowsWhere(pairs, ({ chosen, rejected }) => !says(chosen) || !says(rejected));
  return finding(pairs, rows, {
    kind: "empty",
    severity: "warning",
    sentence: `${
      counted(rows.length, "row")
    } with a reply of punctuation alone, or of a word for nothing (null, [deleted]).`,
    remedy: "Drop them, or find the reply that was meant.",
  });
}

/** Prompts in which one speaker has two turns in a row, or the assistant the last one. */
export function oddTurns(pairs: readonly Pair[]): readonly Finding[] {
  const rows = rowsWhere(pairs, ({ prompt }) => {
    const roles = promptMessages(prompt).map(({ role }) => role);
    return roles.at(-1) !== "user" || roles.some((role, i) => i > 0 && role === roles[i - 1]);
  });
  return finding(pairs, rows, {
    kind: "odd-dialogue",
    severity: "warning",
    sentence: `${counted(rows.length, "row")} in which one speaker has two turns in a row before the reply.`,
    remedy:
      "Join the turns or drop the rows: many chat templates refuse them, others write what a model never sees in use.",
  });
}
