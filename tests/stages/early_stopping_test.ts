import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { Checkpoint } from "../../lib/flow/checkpoint.ts";
import { once, type Stage } from "../../lib/flow/stage.ts";
import { square, sub, sum } from "../../lib/grad/ops.ts";
import { earlyStopping } from "../../lib/stages/early_stopping.ts";
import { update } from "../../lib/stages/update.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { finished } from "./tiny.ts";

interface Fitted {
  readonly w: Tensor;
}
interface Given {
  readonly fitted: Fitted;
  readonly points: readonly { readonly id: string; readonly y: number }[];
  /** Where the loss on unseen data is least. */
  readonly target: number;
}

/** Walks from 0 towards the points' mean, a step of about 0.1 each. */
const walk = (): Stage<Pick<Given, "fitted" | "points">, Pick<Given, "fitted">> =>
  update("walk", {
    needs: ["fitted", "points"],
    params: ({ fitted }) => fitted,
    rows: ({ points }) => points,
    loss: ({ points }) => ({ w }: Fitted, rows) => {
      const y = tensor([rows.length], Array.from(rows, (row) => points[row]?.y as number), "f64");
      return { loss: { sum: sum(square(sub(y, w))), count: rows.length }, metrics: {} };
    },
  }, { lr: 0.1, batchSize: 1, epochs: 40, schedule: "constant", warmup: 0, maxGradNorm: 1e9, adds: "fitted" });

const stopping = (options: { readonly evaluations?: number; readonly patience?: number } = {}) =>
  earlyStopping(walk(), {
    ...{ evaluations: 20, patience: 3, ...options },
    needs: ["target"],
    evalLoss: ({ fitted, target }: Pick<Given, "fitted" | "target">) => ((fitted.w.data[0] as number) - target) ** 2,
  });
const given = (target: number): Given => (
  { fitted: { w: tensor([], [0], "f64") }, points: [{ id: "a", y: 100 }], target }
);

Deno.test("earlyStopping() keeps the best parameters, not the last, and skips the rest", async () => {
  const { state, metrics } = await finished(stopping(), given(1.02));
  assertAlmostEquals(state.fitted.w.data[0] as number, 1, 0.02); // looks are at 0, 0.2, 0.4, …
  assertEquals(metrics.length, 40);
  const looks = metrics.flatMap(({ eval_loss }, i) => eval_loss === undefined ? [] : [i]);
  assertEquals(looks, [1, 3, 5, 7, 9, 11, 13, 15]); // the fifth is the best, then three without a better one
  assertEquals(metrics.slice(16), Array(24).fill({}));
});

Deno.test("earlyStopping() keeps what was there at first where training only does harm", async () => {
  const { state } = await finished(stopping(), given(-5));
  assertEquals(state.fitted.w.data[0], 0);
});

Deno.test("earlyStopping() goes to the end, and looks there, where training keeps helping", async () => {
  const { state, metrics } = await finished(stopping({ evaluations: 3 }), given(100));
  assertAlmostEquals(state.fitted.w.data[0] as number, 4, 0.05);
  assertEquals(metrics.flatMap(({ eval_loss }, i) => eval_loss === undefined ? [] : [i]), [13, 26, 39]);
});

Deno.test("earlyStopping() broken at any step and resumed ends in the same parameters to the byte", async () => {
  const checkpoints: Checkpoint[] = [];
  const more = { onCheckpoint: (c: Checkpoint) => void checkpoints.push(c), checkpointEvery: 1 };
  const whole = await finished(stopping(), given(1.02), more);
  for (const at of [0, 6, 12, 30]) {
    const resume = structuredClone(checkpoints[at] as Checkpoint);
    const { state } = await finished(stopping(), given(1.02), { resume });
    assertEquals([...state.fitted.w.data], [...whole.state.fitted.w.data]);
  }
});

Deno.test("earlyStopping() says what it needs, and a missing field is a type error", () => {
  assertEquals(stopping().needs, ["fitted", "points", "target"]);
  // @ts-expect-error: the target is missing
  const lacking: Parameters<NonNullable<ReturnType<typeof stopping>["types"]>>[0] = {
    fitted: given(0).fitted,
    points: [],
  };
  assertEquals(Object.keys(lacking).length, 2);
});

Deno.test("earlyStopping() refuses counts that are none, and a stage without steps", () => {
  assertThrows(
    () => stopping({ evaluations: 0 }),
    RangeError,
    "Cannot stop early as evaluations must be a whole number ≥ 1",
  );
  assertThrows(
    () => stopping({ patience: 1.5 }),
    RangeError,
    "patience must be a whole number ≥ 1: current value is 1.5",
  );
  const wrong = once("wrong", () => ({ x: 1 }));
  const options = { needs: [], evalLoss: () => 0, evaluations: 1, patience: 1 };
  assertThrows(
    () => earlyStopping(wrong, options),
    TypeError,
    "Cannot stop wrong early as it must work in steps: it is a once",
  );
});
