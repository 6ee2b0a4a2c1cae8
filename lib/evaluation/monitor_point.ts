/** The curves of a run: what the rollouts of each iteration were like. */
import { type Level, levels } from "./levels.ts";

/** What the rollouts of one iteration were like. */
export interface MonitorPoint {
  /** Its number; they rise along a curve. */
  readonly iteration: number;
  /** Mean reward of the rollouts, as the policy is trained on it. */
  readonly proxy: number;
  /** Standard error of `proxy`. */
  readonly proxyError?: number;
  /** Mean reward that is the known truth, where there is one. */
  readonly gold?: number | null;
  /** Standard error of `gold`. */
  readonly goldError?: number;
  /** KL(π‖π_ref) of a completion, nats. */
  readonly kl: number;
  /** Mean length of a completion, tokens. */
  readonly length: number;
  /** How much completions differ: distinct completions / completions, as `distinctShare` has it, or distinct-n. */
  readonly diversity: number;
  /** Entropy of the policy, nats a token. */
  readonly entropy: number;
}

/** Whether the truth is known at a point. */
export function hasGold(point: MonitorPoint): point is MonitorPoint & { readonly gold: number } {
  return point.gold !== undefined && point.gold !== null;
}

/** The levels of a figure of the points. */
export function levelsOf(
  points: readonly MonitorPoint[],
  name: "proxy" | "gold" | "kl" | "length" | "diversity" | "entropy",
): readonly Level[] {
  const errorOf = (point: MonitorPoint): number | undefined =>
    name === "proxy" ? point.proxyError : name === "gold" ? point.goldError : undefined;
  return levels(points.map((point) => (
    { iteration: point.iteration, value: point[name] as number, error: errorOf(point) }
  )));
}
