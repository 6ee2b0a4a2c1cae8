import { assertEquals, assertThrows } from "@std/assert";
import type { Event } from "../../lib/flow/event.ts";
import { crc32c, type Scalars, scalarsOf, tensorboardScalars, tensorboardStart } from "../../lib/report/tensorboard.ts";
import golden from "./tensorboard_golden.json" with { type: "json" };

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

Deno.test("crc32c() gives the known answers of RFC 3720, section B.4", () => {
  const checks: readonly (readonly [Uint8Array, number])[] = [
    [new TextEncoder().encode("123456789"), 0xe3069283],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    [new Uint8Array(0), 0],
  ];
  for (const [bytes, crc] of checks) assertEquals(crc32c(bytes), crc);
});

Deno.test("tensorboardStart() writes the bytes that TensorBoard's own writer writes", () => {
  assertEquals(hex(tensorboardStart(golden.start.wallTime)), golden.start.hex);
});

Deno.test("tensorboardScalars() writes the bytes that TensorBoard's own writer writes", () => {
  const cases = golden.cases as unknown as readonly (Scalars & { readonly hex: string })[];
  for (const { hex: bytes, ...scalars } of cases) assertEquals(hex(tensorboardScalars(scalars)), bytes);
});

Deno.test("tensorboardScalars() takes no step that is not a non-negative integer", () => {
  for (const step of [-1, 0.5, NaN, Infinity]) {
    assertThrows(
      () => tensorboardScalars({ wallTime: 0, step, values: {} }),
      RangeError,
      `Cannot write figures for TensorBoard as their step must be a non-negative integer: current value is ${step}`,
    );
  }
});

Deno.test("scalarsOf() tags figures by stage and counts the steps of all iterations", () => {
  const step = (path: Event["path"], step: number): Event => (
    { type: "step", path, step, steps: 4, metrics: { loss: 0.5, "objective/kl": 1 } }
  );
  assertEquals(scalarsOf(step(["dpo", "dpoUpdate"], 3)), {
    step: 3,
    values: { "dpoUpdate/loss": 0.5, "dpoUpdate/objective/kl": 1 },
  });
  assertEquals(scalarsOf(step(["ppo", "iterations", 2, "iteration", "ppoUpdate"], 3)), {
    step: 11,
    values: { "iterations/iteration/ppoUpdate/loss": 0.5, "iterations/iteration/ppoUpdate/objective/kl": 1 },
  });
  assertEquals(scalarsOf({ type: "step", path: ["dpo"], step: 1, steps: 4, metrics: {} }), null);
  assertEquals(scalarsOf({ type: "done", path: ["dpo"] }), null);
});
