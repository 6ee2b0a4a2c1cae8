/** How a completion ended, and what is therefore known about what it earned. */

/** What happens to the score of a completion without an end token. */
export type MissingEos =
  /** score − penalty. */
  | { readonly type: "subtract"; readonly penalty: number }
  /** This score in place of its own. */
  | { readonly type: "replace"; readonly score: number };

/**
 * How a completion ended.
 *
 * - `terminated`: the policy said so; the score is about the whole completion, and nothing follows.
 * - `truncated`: it was cut off and would go on; it has no score yet, and `bootstrap`, the critic's value after its last
 *   token, stands for all that would follow.
 * - `truncatedAsEnd`: it was cut off and is treated as if it had ended, with a penalty.
 */
export type End =
  | { readonly type: "terminated"; readonly score: number }
  | { readonly type: "truncated"; readonly bootstrap: number }
  | { readonly type: "truncatedAsEnd"; readonly score: number; readonly missingEos: MissingEos };

/** The score that an end earns, penalties included; 0 where it is not known yet. */
export function scoreOf(end: End): number {
  switch (end.type) {
    case "terminated":
      return end.score;
    case "truncated":
      return 0;
    case "truncatedAsEnd":
      return end.missingEos.type === "replace" ? end.missingEos.score : end.score - end.missingEos.penalty;
  }
}

/** The value of what follows an end. */
export function bootstrapOf(end: End): number {
  return end.type === "truncated" ? end.bootstrap : 0;
}
