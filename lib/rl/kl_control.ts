/** The price of KL over a run: fixed, or steered to a target. */

/** How klCoef goes on, and where it is: plain data, part of the state. */
export type KlControl =
  | { readonly type: "fixed"; readonly klCoef: number }
  | {
    readonly type: "adaptive";
    readonly klCoef: number;
    /** KL of a completion, nats, > 0, that is aimed at. */
    readonly target: number;
    /** Completions, > 0, over which a full error of a fifth changes the price by a fifth. */
    readonly horizon: number;
  };

/**
 * The control after some completions: klCoef ← klCoef · (1 + clip(kl / target − 1, ±0.2) · completions / horizon).
 *
 * Tests: `tests/rl/kl_control_test.ts` (oracles `adaptive_kl_*`).
 *
 * @param observed.kl mean KL of a completion, nats
 * @param observed.completions how many were seen
 * @throws {RangeError} if the observed KL is no number, target or horizon is not > 0, or the step would end below 0
 * @see Ziegler et al. 2019, "Fine-tuning language models from human preferences", section 2.2
 * @example
 * ```ts
 * import { updateKlControl } from "@logratio/logratio";
 * const control = { type: "adaptive", klCoef: 0.15, target: 6, horizon: 10_000 } as const;
 * const { klCoef } = updateKlControl(control, { kl: 9, completions: 512 }); // 0.151536
 * ```
 */
export function updateKlControl(
  control: KlControl,
  observed: { readonly kl: number; readonly completions: number },
): KlControl {
  if (control.type === "fixed") return control;
  const { klCoef, target, horizon } = control;
  for (const [name, x] of Object.entries({ target, horizon })) {
    if (!(x > 0)) throw new RangeError(`Cannot steer klCoef as ${name} must be > 0: current value is ${x}`);
  }
  if (!(observed.completions >= 0 && observed.completions < 5 * horizon)) {
    throw new RangeError(
      `Cannot steer klCoef as fewer than 5 horizons of completions must be seen at once: ${observed.completions}`,
    );
  }
  if (!Number.isFinite(observed.kl)) {
    throw new RangeError(`Cannot steer klCoef as the observed KL must be finite: current value is ${observed.kl}`);
  }
  const error = Math.max(-0.2, Math.min(0.2, observed.kl / target - 1));
  return { ...control, klCoef: klCoef * (1 + error * observed.completions / horizon) };
}
