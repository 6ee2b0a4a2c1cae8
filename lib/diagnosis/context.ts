/** Pairs that will not fit the context they are to be trained in. */
import type { Pair } from "../data/pair.ts";
import { promptMessages } from "../data/chat.ts";
import { type Finding, finding, rowsThat, rowsWhere } from "./finding.ts";

/** How lengths in tokens are told: pair by pair, as a model's tokenizer and chat template have them, or text by text. */
export type ContextOptions =
  & {
    /** Most tokens of prompt and completion. */
    readonly context: number;
  }
  & (
    | {
      /** Tokens of a pair, all that surrounds its turns included; `undefined` if the chat template refuses it. */
      readonly lengthsOf: (pair: Pair) => PairLengths | undefined;
    }
    | {
      /** Tokens of a text: a tokenizer's, or an estimate by bytes. */
      readonly tokensOf: (text: string) => number;
    }
  );

/** Tokens of a pair. */
export interface PairLengths {
  /** Of the prompt, up to where a completion begins. */
  readonly prompt: number;
  /** Of the chosen completion, its end included. */
  readonly chosen: number;
  /** Of the rejected completion, its end included. */
  readonly rejected: number;
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

/** The lengths of a pair, by the texts of its turns. */
function summed({ prompt, chosen, rejected }: Pair, tokensOf: (text: string) => number): PairLengths {
  return {
    prompt: promptMessages(prompt).reduce((sum, { content }) => sum + tokensOf(content) + TURN, 0),
    chosen: TURN + tokensOf(chosen),
    rejected: TURN + tokensOf(rejected),
  };
}

/** Rows whose prompt with the longer reply has more tokens than the context, and rows that cannot be encoded. */
export function overflowingRows(pairs: readonly Pair[], options: ContextOptions): readonly Finding[] {
  const { context } = options;
  let [prompts, oneSided] = [0, 0];
  const refused = new Set<Pair>();
  const rows = rowsWhere(pairs, (pair) => {
    const lengths = "lengthsOf" in options ? options.lengthsOf(pair) : summed(pair, options.tokensOf);
    if (lengths === undefined) {
      refused.add(pair);
      return false;
    }
    const { prompt, chosen, rejected } = lengths;
    const [better, worse] = [prompt + chosen > context, prompt + rejected > context];
    if (prompt >= context) prompts++;
    else if (better !== worse) oneSided++;
    return better || worse;
  });
  return [...overlong(pairs, rows, { context, prompts, oneSided }), ...unencodable(pairs, refused)];
}

/** Rows that a chat template refuses. */
function unencodable(pairs: readonly Pair[], refused: ReadonlySet<Pair>): readonly Finding[] {
  const rows = rowsWhere(pairs, (pair) => refused.has(pair));
  return finding(pairs, rows, {
    kind: "chat-template",
    severity: "error",
    sentence: `${rowsThat(rows.length, "have", pairs.length)} messages that the model's chat template refuses.`,
    remedy: "Look which roles it knows and in which order; many know no system message, or want turns to alternate.",
  });
}

function overlong(
  pairs: readonly Pair[],
  rows: readonly number[],
  { context, prompts, oneSided }: Readonly<Record<"context" | "prompts" | "oneSided", number>>,
): readonly Finding[] {
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
