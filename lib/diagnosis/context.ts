/** Pairs that will not fit the context they are to be trained in. */
import type { Pair } from "../data/pair.ts";
import { promptMessages } from "../data/chat.ts";
import { type Finding, finding, rowsThat, rowsWhere } from "./finding.ts";

/** How lengths in tokens are told. */
export interface ContextOptions {
  /** Most tokens of prompt and completion. */
  readonly context: number;
  /** Tokens of a text: a tokenizer's, or an estimate by bytes. */
  readonly tokensOf: (text: string) => number;
}

/** Tokens that a chat template puts around a turn, about. */
const TURN = 4;

/** UTF-8 bytes over bytes a token: about 4 for English prose in a vocabulary of English, 3 or less for much else. */
export function estimatedTokens(bytesPerToken: number): (text: string) => number {
  if (!(bytesPerToken > 0)) {
    throw new RangeError(`Cannot estimate tokens as bytesPerToken must be > 0: current value is ${bytesPerToken}`);
  }
  const encoder = new TextEncoder();
  return (text) => Math.ceil(encoder.encode(text).length / bytesPerToken);
}

/** Rows whose prompt with the longer reply has more tokens than the context, turns included. */
export function overflowingRows(pairs: readonly Pair[], { context, tokensOf }: ContextOptions): readonly Finding[] {
  let [prompts, oneSided] = [0, 0];
  const rows = rowsWhere(pairs, ({ prompt, chosen, rejected }) => {
    const asked = promptMessages(prompt).reduce((sum, { content }) => sum + tokensOf(content) + TURN, 0);
    const [better, worse] = [chosen, rejected].map((reply) => asked + TURN + tokensOf(reply) > context);
    if (asked >= context) prompts++;
    else if (better !== worse) oneSided++;
    return better! || worse!;
  });
  const details = [
    ...prompts > 0 ? [`in ${prompts} the prompt alone fills it`] : [],
    ...oneSided > 0 ? [`in ${oneSided} only one reply is too long, so cutting would change what is compared`] : [],
  ];
  return finding(pairs, rows, {
    kind: "context",
    severity: rows.length > pairs.length / 20 ? "error" : "warning",
    sentence: `${rowsThat(rows.length, "have", pairs.length)} more than ${
      context.toLocaleString("en-US")
    } tokens with their longer reply${details.map((detail) => `; ${detail}`).join("")}.`,
    remedy: "Train with a longer context, or name what is to happen: drop the rows, or cut prompts at their start.",
  });
}
