/** What is wrong with preference pairs, without a model. */
import type { Pair } from "../data/pair.ts";
import type { Loaded, LoadReport } from "../data/report.ts";
import type { DropReason } from "../data/issue.ts";
import { dominantPrompts, labelFaults, marginFaults, repeatedIds, weightFaults } from "./columns.ts";
import { type ContextOptions, overflowingRows } from "./context.ts";
import { encodingDebris, templateDebris } from "./debris.ts";
import { identicalReplies, repeatedJudgements } from "./duplicates.ts";
import { oddTurns, wordlessReplies } from "./turns.ts";
import { counted, type Finding, findingOf, type Severity, type Verdict } from "./finding.ts";
import { formatBias } from "./format_bias.ts";
import { disagreement } from "./disagreement.ts";
import { unlikelyLabels } from "./label_noise.ts";
import { heldOutPrompts, spelledPrompts } from "./leakage.ts";
import { lengthBias } from "./length_bias.ts";
import { formsOf } from "./text_form.ts";
import { truncatedReplies } from "./truncation.ts";

/** What a diagnosis may be told beside the pairs. */
export interface DiagnosisOptions {
  /** Pairs that are to judge by: their prompts must not occur. */
  readonly against?: readonly Pair[];
  /** The context that the pairs are to fit. Default: any length fits. */
  readonly fit?: ContextOptions;
}

const WORST: readonly Severity[] = ["error", "warning", "note"];

/**
 * The faults of preference pairs, worst first; none of healthy ones. A fault of single rows is told wherever it occurs, a
 * tendency only where its interval lies beyond what would do no harm. Nothing is drawn, and time grows with the text.
 *
 * @param loaded pairs and the report of what reading them dropped, as `readPairs` gives them
 * @example
 * ```ts
 * import { diagnosePairs, readPairs } from "@logratio/logratio";
 * const loaded = readPairs('{"prompt": "Hi", "chosen": "Hello!<|im_end|>", "rejected": "What?"}');
 * if (loaded._tag === "Right") diagnosePairs(loaded.right).map(({ kind, rows }) => [kind, rows]); // template-debris, 0
 * ```
 */
export function diagnosePairs(
  { data: pairs, report }: Loaded<Pair>,
  { against = [], fit }: DiagnosisOptions = {},
): readonly Finding[] {
  const forms = formsOf(pairs);
  const findings = [
    ...droppedRows(report),
    ...identicalReplies(pairs, forms),
    ...wordlessReplies(pairs),
    ...oddTurns(pairs),
    ...repeatedJudgements(pairs, forms),
    ...disagreement(pairs, forms),
    ...unlikelyLabels(pairs, forms),
    ...lengthBias(pairs, forms),
    ...formatBias(pairs, forms),
    ...templateDebris(pairs),
    ...encodingDebris(pairs),
    ...truncatedReplies(pairs),
    ...spelledPrompts(pairs, forms),
    ...against.length > 0 ? heldOutPrompts(pairs, against) : [],
    ...fit ? overflowingRows(pairs, fit) : [],
    ...labelFaults(pairs),
    ...marginFaults(pairs),
    ...weightFaults(pairs),
    ...dominantPrompts(pairs, forms.prompt),
    ...repeatedIds(pairs),
  ];
  return worstFirst(findings);
}

/** By severity; among equals kinds stay together, those with more rows first. */
function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  const nameOf = ({ severity, kind }: Finding): string => `${severity} ${kind}`;
  const most = new Map<string, number>();
  for (const one of findings) most.set(nameOf(one), Math.max(one.count, most.get(nameOf(one)) ?? 0));
  return findings.toSorted((a, b) =>
    WORST.indexOf(a.severity) - WORST.indexOf(b.severity) || most.get(nameOf(b))! - most.get(nameOf(a))! ||
    a.kind.localeCompare(b.kind, "en") || b.count - a.count
  );
}

const DROPPED: Readonly<Partial<Record<DropReason, (rows: string) => Verdict>>> = {
  identical: (rows) => ({
    kind: "identical",
    severity: "warning",
    sentence: `${rows} with chosen and rejected the same: they teach nothing.`,
    remedy: "Drop them; if there are many, look whether the two columns were filled from one.",
  }),
  emptyReply: (rows) => ({
    kind: "empty",
    severity: "warning",
    sentence: `${rows} with an empty reply.`,
    remedy: "Drop them, or find the reply: trained on, they teach to say nothing, or never to end.",
  }),
  oddDialogue: (rows) => ({
    kind: "odd-dialogue",
    severity: "warning",
    sentence: `${rows} whose two dialogues part before the last turn: the replies answer different prompts.`,
    remedy: "Drop them, or cut both to the turns that they share.",
  }),
  alone: (rows) => ({
    kind: "alone",
    severity: "warning",
    sentence: `${rows} with a rated reply whose prompt has no other: they make no pair.`,
    remedy: "Look for the other replies: the file may have been cut, or sampled by rows instead of by prompts.",
  }),
};

/** Rows that reading dropped. */
function droppedRows({ dropped }: LoadReport): readonly Finding[] {
  return dropped.flatMap(({ reason, ids }) => {
    const verdict = DROPPED[reason];
    return verdict === undefined ? [] : findingOf(ids, verdict(counted(ids.length, "row")));
  });
}
