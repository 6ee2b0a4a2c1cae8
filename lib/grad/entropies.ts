/** How undecided a model is at each position. */
import type { Floats } from "../kernels/kernels.ts";
import { withScratch } from "../kernels/memory.ts";
import { kernels } from "../kernels/provider.ts";
import { empty, floats, type HalfTensor, type Tensor } from "../tensor/tensor.ts";
import { type LogitOptions, logits } from "./logits.ts";
import { derive } from "./primitive.ts";

/**
 * Entropies of next-token distributions: out[i] = −Σ_v p_v log p_v with p = softmax(head · hidden[i]), the
 * logits capped where there is a softcap, in nats.
 *
 * Its derivative by logit v is −p_v·(log p_v + out[i]). The logits exist for a chunk of rows at a time.
 *
 * @param hidden `[N, d]`
 * @param head `[V, d]`
 * @returns `[N]`, each from 0 to log V
 */
export function entropies(hidden: Tensor, head: Tensor | HalfTensor, options: LogitOptions = {}): Tensor {
  const { rows, vocab, forward, backward } = logits(hidden, head, options);
  const { dtype } = hidden;
  const k = kernels(dtype);
  /** Turns a chunk of logits into log-probabilities, in place, and calls `row` with each row's place and probabilities. */
  const eachRow = (z: Floats, row: (at: number, i: number, p: Floats) => void): void =>
    withScratch(() => {
      const n = z.length / vocab;
      const [chosen, lse, p] = [[n], [n], [n, vocab]].map((shape) => floats(empty(dtype, shape))) as [
        Floats,
        Floats,
        Floats,
      ];
      k.logProbRows(z, new Int32Array(n), chosen, lse, vocab);
      for (let at = 0; at < z.length; at++) z[at] = (z[at] as number) - (lse[Math.floor(at / vocab)] as number);
      k.map("exp", z, p);
      for (let i = 0; i < n; i++) row(i * vocab, i, p);
    });
  const out = empty(dtype, [rows]);
  forward((z, start) =>
    eachRow(z, (at, i, p) => {
      let sum = 0;
      for (let v = at; v < at + vocab; v++) sum -= (p[v] as number) * (z[v] as number);
      floats(out)[start + i] = sum;
    })
  );
  return derive(out, [hidden, head as Tensor], (g, [, needHead]) =>
    backward((z, start) =>
      eachRow(z, (at, i, p) => {
        const [entropy, slope] = [floats(out)[start + i] as number, floats(g)[start + i] as number];
        for (let v = at; v < at + vocab; v++) z[v] = -slope * (p[v] as number) * ((z[v] as number) + entropy);
      }), needHead === true));
}
