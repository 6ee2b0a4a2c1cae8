/**
 * Pairs longer than the context: what happens to them is the user's choice, and every one is accounted for.
 */
import { type Failure, inputFailure, left, type Result, right, separate } from "../result.ts";
import type { DropReason, Issue } from "./issue.ts";
import { type CutReason, issueSentences, type Loaded, lossSentence, tally } from "./report.ts";
import type { TokenPair } from "./token_pair.ts";

/**
 * What to do with a pair that does not fit: stop (`error`), leave it out (`drop`), keep its start and lose the end of the
 * completions with their end token (`keepStart`), or keep its end and lose the start of the prompt (`keepEnd`).
 */
export type Overflow = "error" | "drop" | "keepStart" | "keepEnd";

/** The ways to choose from. */
export const OVERFLOWS: readonly Overflow[] = ["error", "drop", "keepStart", "keepEnd"];

/** A pair that fits, and how it was cut for that. */
export type FittedPair<T> = { readonly pair: T; readonly cut?: CutReason };

/**
 * A pair within a context of `limit` tokens: prompt and longer completion together have at most so many.
 *
 * Both completions stay at least one token long and so does the prompt, which they share: with `keepEnd` it is cut once,
 * by what the longer completion needs.
 *
 * @param limit tokens of the context, at least 2
 * @returns the pair, or the rule that it fails
 * @throws {RangeError} if `limit` is no integer of at least 2
 */
export function fitPair<T extends TokenPair>(pair: T, limit: number, overflow: Overflow): Result<Issue, FittedPair<T>> {
  checkLimit(limit);
  const { prompt, chosen, rejected } = pair;
  const longer = Math.max(chosen.length, rejected.length);
  const refuse = (reason: DropReason, rule: string): Result<Issue, never> =>
    left({ reason, id: pair.id, sentence: `Cannot use row ${pair.id} as ${rule}` });
  if (prompt.length + longer <= limit) return right({ pair });
  if (overflow === "keepEnd") {
    if (longer >= limit) {
      return refuse("noPrompt", `a completion must leave room for a prompt token: it has ${longer} of ${limit} tokens`);
    }
    return right({ pair: { ...pair, prompt: prompt.slice(longer - limit) }, cut: "promptStart" });
  }
  if (prompt.length >= limit) {
    const rule = "a prompt must leave room for a completion token";
    return refuse("noCompletion", `${rule}: it has ${prompt.length} tokens, the context ${limit}`);
  }
  if (overflow !== "keepStart") {
    const rule = `prompt and completion must fit a context of ${limit} tokens`;
    return refuse("overlong", `${rule}: they have ${prompt.length} + ${longer}`);
  }
  const room = limit - prompt.length;
  const fitted = { ...pair, chosen: chosen.slice(0, room), rejected: rejected.slice(0, room) };
  if (fitted.chosen.length === fitted.rejected.length && fitted.chosen.every((id, i) => id === fitted.rejected[i])) {
    return refuse(
      "identicalWhenCut",
      `chosen and rejected must differ within ${limit} tokens: their first ${room} are equal`,
    );
  }
  return right({ pair: fitted, cut: "completionEnd" });
}

/**
 * All pairs within a context, with the report continued: dropped and truncated ones are named.
 *
 * Without a policy, pairs that do not fit are dropped, and when more than one row in twenty would be gone, nothing starts.
 *
 * @param loaded pairs and the report so far
 * @param limit tokens of the context, at least 2
 * @param overflow what to do with pairs that do not fit, if the user has chosen
 * @throws {RangeError} if `limit` is no integer of at least 2
 */
export function fitPairs<T extends TokenPair>(
  { data, report }: Loaded<T>,
  limit: number,
  overflow?: Overflow,
): Result<Failure, Loaded<T>> {
  checkLimit(limit);
  const [issues, fitted] = separate(data.map((pair) => fitPair(pair, limit, overflow ?? "drop")));
  if (overflow === "error" && issues.length > 0) {
    return inputFailure(
      `Cannot fit pairs as with overflow "error" all must fit a context of ${limit} tokens: ${issues.length} do not`,
      ...issueSentences(issues),
    );
  }
  const cuts = fitted.flatMap(({ pair, cut }) => cut === undefined ? [] : [{ reason: cut, id: pair.id }]);
  const continued = {
    ...report,
    kept: fitted.length,
    dropped: [...report.dropped, ...tally(issues as readonly { readonly reason: DropReason; readonly id: string }[])],
    truncated: [...report.truncated, ...tally(cuts)],
  };
  const loss = lossSentence(`fit pairs into ${limit} tokens`, continued, overflow === undefined ? 0.05 : 1);
  return loss === undefined
    ? right({ data: fitted.map(({ pair }) => pair), report: continued })
    : inputFailure(`${loss}. Choose what to do: overflow ${OVERFLOWS.slice(1).join(", ")}`, ...issueSentences(issues));
}

function checkLimit(limit: number): void {
  if (!Number.isSafeInteger(limit) || limit < 2) {
    throw new RangeError(`Cannot fit pairs as limit must be an integer of at least 2: current value is ${limit}`);
  }
}
