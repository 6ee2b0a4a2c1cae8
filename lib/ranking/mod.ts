/** Strengths of items from comparisons and rankings. */

export * from "./bootstrap.ts";
export * from "./comparisons.ts";
export { type Components } from "./components.ts";
export * from "./contrasts.ts";
export {
  type Covariance,
  type ErrorKind,
  orderEffectError,
  referenceErrors,
  standardErrors,
  strengthCovariance,
} from "./covariance.ts";
export { type StrengthModel } from "./design.ts";
export { chiSquareTail, normalQuantile } from "./distributions.ts";
export * from "./elo.ts";
export { type Existence, existence, type NoMaximumReason } from "./existence.ts";
export { type FitOptions, fitStrengths, type NoMaximum, parameterNames, type StrengthFit } from "./fit_strengths.ts";
export * from "./likelihood_ratio.ts";
export * from "./misfit.ts";
export * from "./next_comparisons.ts";
export { type NewtonOptions } from "./newton.ts";
export { type TieModel } from "./outcome_model.ts";
export * from "./plackett_luce.ts";
export * from "./probabilities.ts";
export * from "./profile.ts";
export * from "./quasi_variances.ts";
export * from "./random_effects.ts";
export {
  type ComparisonReader,
  comparisonReader,
  type ReadComparisons,
  readComparisons,
  type ReadComparisonsOptions,
} from "./read_comparisons.ts";
export * from "./spectral.ts";
export * from "./strength_errors.ts";
