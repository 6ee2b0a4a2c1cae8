/** A toy method with every kind of stage: it loads numbers, walks at random from them, and walks on in iterations. */
import { attempt, once, scan, type Stage } from "../../lib/flow/stage.ts";
import { pipeline, repeat } from "../../lib/flow/pipeline.ts";
import { left, right } from "../../lib/result.ts";
import { uniform } from "../../lib/tensor/random.ts";
import { floats, type Tensor, tensor } from "../../lib/tensor/tensor.ts";

export const load = attempt("load", ({ text }: { text: string }) => {
  const numbers = Float64Array.from(text.split(" "), Number);
  return numbers.some(Number.isNaN)
    ? left({ kind: "input" as const, sentences: [`Cannot load as each word must be a number: text is "${text}"`] })
    : right({ numbers });
}, { needs: ["text"], adds: ["numbers"] });

export const jitter = once(
  "jitter",
  ({ numbers }: { numbers: Float64Array }, { key }) => ({ start: numbers.map((x, i) => x + uniform(key, 9)[i]!) }),
  { needs: ["numbers"], adds: ["start"] },
);

/** A random walk on typed arrays, which warns at its third step. */
export const walk = (steps: number): Stage<{ start: Float64Array }, { end: Float64Array; drawn: number }> =>
  scan("walk", {
    init: ({ start }: { start: Float64Array }) => ({ carry: { at: start, drawn: 0 }, steps }),
    step: ({ at, drawn }, { key, step, emit }) => {
      const draws = uniform(key, at.length);
      if (step === 2) emit({ type: "warning", message: "third step" });
      return { carry: { at: at.map((x, i) => x + draws[i]!), drawn: drawn + 1 }, metrics: { loss: draws[0]! } };
    },
    done: ({ at, drawn }) => ({ end: at, drawn }),
  }, { needs: ["start"], adds: ["end", "drawn"] });

/** A step of descent on tensors, with a momentum that ends with the scan. */
export const descend = (steps: number): Stage<{ end: Float64Array }, { weights: { w: Tensor }; end: Float64Array }> =>
  scan("descend", {
    init: ({ end }: { end: Float64Array }) => {
      const w = tensor([end.length], end, "f64");
      return { carry: { w, m: tensor([end.length], end.map(() => 0), "f64") }, steps };
    },
    step: ({ w, m }, { key }) => {
      const noise = uniform(key, m.shape[0]!);
      const next = tensor(m.shape, Array.from(floats(m), (x, i) => 0.9 * x + floats(w)[i]! * noise[i]!), "f64");
      const moved = tensor(w.shape, Array.from(floats(w), (x, i) => x - 0.1 * floats(next)[i]!), "f64");
      return { carry: { w: moved, m: next }, metrics: { loss: floats(moved)[0]!, grad_norm: 1 } };
    },
    done: ({ w }) => ({ weights: { w }, end: Float64Array.from(floats(w)) }),
  }, { needs: ["end"], adds: ["weights", "end"] });

/** All of it, with 5 + 3 · (4 + 1) steps. */
export const toy: Stage<{ text: string }, { start: Float64Array; weights: { w: Tensor }; total: number }> = pipeline(
  "toy",
  [
    load,
    pipeline("prepare", [jitter]),
    walk(5),
    repeat("rounds", 3, pipeline("round", [descend(4), walkOn()])),
    once("sum", ({ end }: { end: Float64Array }) => ({ total: end.reduce((a, b) => a + b) }), {
      needs: ["end"],
      adds: ["total"],
    }),
  ],
);

function walkOn(): Stage<{ end: Float64Array }, { end: Float64Array }> {
  return scan("walkOn", {
    init: ({ end }: { end: Float64Array }) => ({ carry: end, steps: 1 }),
    step: (at, { key }) => ({ carry: at.map((x) => x + uniform(key, 1)[0]!), metrics: {} }),
    done: (end) => ({ end }),
  }, { needs: ["end"], adds: ["end"] });
}
