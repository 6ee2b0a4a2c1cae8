/** The reference policy, frozen by being a value, and its log-probabilities, computed once. */
import type { TokenPair } from "../data/token_pair.ts";
import { once, scan, type Stage } from "../flow/stage.ts";
import type { DecoderConfig, DecoderParams } from "../model/decoder.ts";
import { logps } from "../model/logps.ts";
import { withoutAdapter } from "../model/lora.ts";
import { type Example, pack } from "../tensor/ragged.ts";
import { scope } from "../tensor/scope.ts";
import { floats } from "../tensor/tensor.ts";
import { byTokens, stepTokens } from "./chunks.ts";
import type { PolicyState, RefLogpsState, RefState, RowState } from "./state.ts";

/** The policy as it is now, without its adapter if it has one, becomes the reference: the same tensors, no copy. */
export function freezeRef(): Stage<PolicyState, RefState> {
  return once("freezeRef", ({ policy }: PolicyState) => (
    { ref: withoutAdapter(policy) }
  ), { needs: ["policy"], adds: ["ref"] });
}

/** A pair as one prompt with two completions: chosen, then rejected. */
export function exampleOf({ prompt, chosen, rejected }: TokenPair): Example {
  return { prompt, completions: [chosen, rejected] };
}

/** Tokens of a pair: its prompt belongs to both completions and is computed once. */
export function pairTokens(
  { prompt, chosen, rejected }: TokenPair,
): { readonly real: number; readonly processed: number } {
  const processed = prompt.length + chosen.length + rejected.length;
  return { real: processed + prompt.length, processed };
}

/** Numbers of the chosen (0) or rejected (1) completions among those of `count` pairs as `exampleOf` has them. */
export function side(which: 0 | 1, count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => 2 * i + which);
}

/** log π of every completion of some examples, in order, nats. */
export function logpsOf(params: DecoderParams, config: DecoderConfig, examples: readonly Example[]): Float64Array {
  const parts = byTokens(examples).map((part) => scope(() => Array.from(floats(logps(params, config, pack(part))))));
  return Float64Array.from(parts.flat());
}

/** Pairs scored in one step. */
const CHUNK = 64;

/** Scores all pairs under the reference, once and before the loop, which never sees the reference's parameters. */
export function refLogps(): Stage<PolicyState & RefState & RowState, RefLogpsState> {
  return scan("refLogps", {
    init: ({ rows }: PolicyState & RefState & RowState) => ({
      carry: new Float64Array(2 * rows.length),
      steps: Math.ceil(rows.length / CHUNK),
    }),
    step: (scored, { step, state: { ref, config, rows } }) => {
      const chunk = rows.slice(step * CHUNK, (step + 1) * CHUNK);
      const next = scored.slice();
      next.set(logpsOf(ref, config, chunk.map(exampleOf)), 2 * step * CHUNK);
      return { carry: next, metrics: {} };
    },
    tokens: (_, { step, state: { rows } }) => stepTokens(byTokens(rows.slice(step * CHUNK, (step + 1) * CHUNK))),
    done: (scored) => ({ refLogps: scored }),
  }, { needs: ["config", "ref", "rows"], adds: ["refLogps"] });
}
