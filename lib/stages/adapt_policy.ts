/** The stages around training an adapter: giving the policy one, and multiplying it in. */
import { attempt, once, type Stage } from "../flow/stage.ts";
import type { ModelForm } from "../model/hf/form.ts";
import { layoutOf } from "../model/hf/layout.ts";
import { llamaForm } from "../model/llama.ts";
import { type AdapterOptions, initAdapter, mergeAdapter, withAdapter } from "../model/lora.ts";
import { readPeft } from "../model/peft.ts";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import type { Tensor } from "../tensor/tensor.ts";
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

/** Where an adapter comes from: what its two files hold. */
export type AdapterSource = () => Promise<
  Result<Failure, { readonly json: unknown; readonly tensors: ReadonlyMap<string, Tensor> }>
>;

/** The model that an adapter belongs to, and the form of its files if it came in some. */
export type AdaptedState = Pick<PolicyState, "config" | "policy"> & { readonly form?: ModelForm };

/**
 * Gives the policy an adapter that somebody has trained.
 *
 * @param options.name what sentences call it
 * @see `readPeft`
 */
export function loadPolicyAdapter(
  source: AdapterSource,
  { name }: { readonly name: string },
): Stage<AdaptedState, Pick<PolicyState, "policy">> {
  return attempt("loadAdapter", async ({ config, policy, form = llamaForm(config) }: AdaptedState) => {
    const stored = await source();
    if (stored._tag === "Left") return stored;
    const layout = layoutOf(form.modelType, config, form.prefix);
    const adapter = readPeft(layout, stored.right.json, stored.right.tensors);
    return adapter._tag === "Left"
      ? inputFailure(...adapter.left.map((rule) => `Cannot use the adapter ${name} as ${rule}`))
      : right({ policy: withAdapter(policy, adapter.right) });
  }, { needs: ["config", "policy"], adds: ["policy"] });
}

/** Multiplies the policy's adapter into its matrices; a policy without one stays as it is. */
export function mergePolicy(): Stage<Pick<PolicyState, "policy">, Pick<PolicyState, "policy">> {
  return once("mergePolicy", ({ policy }: Pick<PolicyState, "policy">) => ({ policy: mergeAdapter(policy) }), {
    needs: ["policy"],
    adds: ["policy"],
  });
}
