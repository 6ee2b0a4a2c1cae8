/** What the curves of a run say, in sentences for people. */
import { FALL, FEWEST, type Level, peakOf, risen } from "./levels.ts";
import { hasGold, levelsOf, type MonitorPoint } from "./monitor_point.ts";
import type { Findings, RewardHackingOptions } from "./reward_hacking.ts";

/** Length at which completions have grown or shrunk enough to say so. */
const LONGER = 1.5;
/** Growth of KL worth a word. */
const GROWN = 1.1;

/** The findings as sentences: first whether the reward is exploited, then whatever else there is to see. */
export function sentencesOf(
  curve: readonly MonitorPoint[],
  findings: Findings,
  options: RewardHackingOptions,
): readonly string[] {
  return [
    verdict(curve, findings),
    ...saturated(curve, findings, options),
    ...collapsed(curve, findings),
    ...lengthened(curve, findings),
  ];
}

function verdict(curve: readonly MonitorPoint[], { divergencePoint, verdict }: Findings): string {
  if (divergencePoint !== undefined) {
    const { iteration, proxy, gold } = divergencePoint;
    return `From iteration ${iteration} on the proxy reward rose by ${show(proxy.to - proxy.from)} while gold fell ` +
      `${change(gold)}: the policy exploits the reward. ` +
      "A larger klCoef, earlier stopping or more preference pairs help.";
  }
  const known = curve.filter(hasGold);
  if (known.length === 0) {
    const kl = (levelsOf(curve, "kl").at(-1) as Level).mean;
    return `The proxy reward went ${ends(levelsOf(curve, "proxy"))} at a KL of ${show(kl)} nats a completion; ` +
      "no truth is known to compare it with, so whether the gain is real cannot be said.";
  }
  if (verdict === "unknown") {
    const points = known.length === 1 ? "1 iteration with gold is" : `${known.length} iterations with gold are`;
    return `${points} too few to tell a fall from noise: ${FEWEST} are needed, or 2 with their standard errors.`;
  }
  const gold = levelsOf(known, "gold");
  return `Gold went ${ends(gold)} while the proxy reward went ${ends(levelsOf(known, "proxy"))}: ${fell(gold)}`;
}

/** What to say of gold that did not fall while the proxy rose. */
function fell(gold: readonly Level[]): string {
  const { rise, error } = risen(gold.at(-1) as Level, peakOf(gold));
  return rise > FALL * error
    ? "the policy got worse without earning more, which is no exploitation. A smaller learning rate may help."
    : "no sign of reward hacking.";
}

function saturated(
  curve: readonly MonitorPoint[],
  { saturation }: Findings,
  { proxyClamp }: RewardHackingOptions,
): readonly string[] {
  if (saturation === undefined) return [];
  const start = `From iteration ${saturation.iteration} on the proxy reward`;
  if (saturation.type === "clamp") {
    return [`${start} is at its clamp of ${proxyClamp}: what is better earns no more. Widen the clamp, or normalise.`];
  }
  const kl = levelsOf(curve.filter(({ iteration }) => iteration >= saturation.iteration), "kl");
  const [from, to] = [(kl[0] as Level).mean, (kl.at(-1) as Level).mean];
  return [
    to > GROWN * from
      ? `${start} rose no more while KL grew ${change({ from, to })} nats: stop there, or raise klCoef.`
      : `${start} rose no more: further iterations gain nothing.`,
  ];
}

function collapsed(curve: readonly MonitorPoint[], { diversityCollapse }: Findings): readonly string[] {
  return diversityCollapse === undefined ? [] : [
    `From iteration ${diversityCollapse} on the policy has collapsed: diversity went ` +
    `${ends(levelsOf(curve, "diversity"))}, entropy went ${ends(levelsOf(curve, "entropy"))} nats a token. ` +
    "A larger entropy bonus or klCoef helps.",
  ];
}

function lengthened(curve: readonly MonitorPoint[], { lengthRatio }: Findings): readonly string[] {
  const verb = lengthRatio >= LONGER ? "grew" : lengthRatio <= 1 / LONGER ? "shrank" : undefined;
  return verb === undefined ? [] : [
    `Completions ${verb} ${ends(levelsOf(curve, "length"))} tokens: see whether the reward pays for length alone.`,
  ];
}

function ends(all: readonly Level[]): string {
  return change({ from: (all[0] as Level).mean, to: (all.at(-1) as Level).mean });
}

function change({ from, to }: { readonly from: number; readonly to: number }): string {
  return `from ${show(from)} to ${show(to)}`;
}

/** Three digits. */
function show(x: number): string {
  return String(Number(x.toPrecision(3)));
}
