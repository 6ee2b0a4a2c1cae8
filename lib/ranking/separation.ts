/** Coefficients that run off to infinity, recognised after a climb that did not come to rest. */

import type { Design } from "./design.ts";
import { informationOf, informationSolver } from "./information.ts";
import { score, workspace } from "./likelihood.ts";
import { type Maximum, roughStart } from "./newton.ts";

/**
 * Whether the climb was on its way to infinity: the score is gone, but Newton still takes steps of about one.
 *
 * Where the maximum exists Newton's last steps shrink quadratically; along a separating direction each step adds a
 * constant while the score falls by the same factor. Pure strength models are decided exactly by {@link existence}
 * before the fit; this is for covariates.
 */
export function separation(
  design: Design,
  { lastStep, converged }: Maximum,
): { readonly reason: "covariates"; readonly message: string } | undefined {
  if (converged) return undefined;
  const names = [...design.data.items.slice(0, design.abilities), ...design.border.map((c) => c.name)];
  const running = names.filter((_, i) => Math.abs(lastStep[i]!) > 1e-3).slice(0, 5).join(", ");
  const isCollinear = design.border.length > 0 && isSingular(design);
  const stuck = isCollinear
    ? "the covariates may be collinear with each other or with the items; leave some out, or fit with a ridge"
    : "the counts differ by more orders of magnitude than double precision holds; fit with a ridge, or in groups";
  const message = running === "" || isCollinear
    ? `No maximum found as the climb did not come to rest: ${stuck}`
    : `No finite maximum exists as the outcomes are separated by ${running}: leave it out, or add comparisons`;
  return { reason: "covariates", message };
}

/** Whether the information has no inverse even near equal strengths, where every comparison tells something. */
function isSingular(design: Design): boolean {
  const space = workspace(design);
  score(design, design.data, roughStart(design, design.data), space);
  return informationSolver(informationOf(design, space.rows), 1e-12) === undefined;
}
