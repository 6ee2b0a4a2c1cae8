/** The stages around training an adapter: adding a fresh one to the policy, and multiplying it in. */
import { once, type Stage } from "../flow/stage.ts";
import { type AdapterOptions, initAdapter, mergeAdapter, withAdapter } from "../model/lora.ts";
import type { PolicyState } from "./state.ts";

/**
 * Gives the policy a fresh adapter, drawn by the run's seed. From here on every stage that trains the policy trains the
 * adapter alone, and `freezeRef` takes the policy without it.
 *
 * @see `initAdapter`
 * @example
 * ```ts
 * import { adaptPolicy, dpoUpdate, freezeRef, mergePolicy, pipeline, refLogps } from "@logratio/logratio";
 * const train = dpoUpdate({ beta: 0.1, lr: 1e-3, batchSize: 16 });
 * const align = pipeline("align", [adaptPolicy({ rank: 8 }), freezeRef(), refLogps(), train, mergePolicy()]);
 * ```
 */
export function adaptPolicy(options: AdapterOptions): Stage<Pick<PolicyState, "policy">, Pick<PolicyState, "policy">> {
  return once("adaptPolicy", ({ policy }: Pick<PolicyState, "policy">, { key }) => (
    { policy: withAdapter(policy, initAdapter(key, policy, options)) }
  ), { needs: ["policy"], adds: ["policy"] });
}

/** Multiplies the policy's adapter into its matrices; a policy without one stays as it is. */
export function mergePolicy(): Stage<Pick<PolicyState, "policy">, Pick<PolicyState, "policy">> {
  return once("mergePolicy", ({ policy }: Pick<PolicyState, "policy">) => ({ policy: mergeAdapter(policy) }), {
    needs: ["policy"],
    adds: ["policy"],
  });
}
