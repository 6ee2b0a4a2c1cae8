import { assertEquals, assertThrows } from "@std/assert";
import { type KlControl, updateKlControl } from "../../lib/rl/kl_control.ts";
import { assertNear, oracle } from "../oracles.ts";

type Inputs = Readonly<Record<"coef" | "current" | "target" | "n_steps" | "horizon", number>>;

Deno.test("updateKlControl() steers klCoef as the oracles adaptive_kl_* say", () => {
  for (const id of ["adaptive_kl_high", "adaptive_kl_near", "adaptive_kl_zero"]) {
    const { inputs, expected } = oracle<Inputs, { coef: number }>(id);
    const control: KlControl = {
      type: "adaptive",
      klCoef: inputs.coef,
      target: inputs.target,
      horizon: inputs.horizon,
    };
    const next = updateKlControl(control, { kl: inputs.current, completions: inputs.n_steps });
    assertNear(next.klCoef, expected.coef, { rtol: 1e-12, atol: 1e-12 });
    assertEquals({ ...next, klCoef: 0 }, { ...control, klCoef: 0 });
  }
});

Deno.test("updateKlControl() leaves klCoef alone at the target, and a fixed one always", () => {
  const adaptive: KlControl = { type: "adaptive", klCoef: 0.1, target: 3, horizon: 100 };
  assertEquals(updateKlControl(adaptive, { kl: 3, completions: 64 }), adaptive);
  const fixed: KlControl = { type: "fixed", klCoef: 0.1 };
  assertEquals(updateKlControl(fixed, { kl: 50, completions: 64 }), fixed);
});

Deno.test("updateKlControl() refuses what would make klCoef meaningless", () => {
  const control: KlControl = { type: "adaptive", klCoef: 0.1, target: 3, horizon: 100 };
  const refuses = (wrong: Partial<KlControl>, kl: number, completions: number, sentence: string): void => {
    assertThrows(
      () => updateKlControl({ ...control, ...wrong } as KlControl, { kl, completions }),
      RangeError,
      `Cannot steer klCoef as ${sentence}`,
    );
  };
  refuses({ target: 0 }, 1, 1, "target must be > 0: current value is 0");
  refuses({ horizon: -1 }, 1, 1, "horizon must be > 0: current value is -1");
  refuses({}, NaN, 1, "the observed KL must be finite: current value is NaN");
  refuses({}, 0, 500, "fewer than 5 horizons of completions must be seen at once: 500");
  // @ts-expect-error: a fixed price has no target
  assertEquals(updateKlControl({ type: "fixed", klCoef: 1, target: 2 }, { kl: 1, completions: 1 }).klCoef, 1);
});
