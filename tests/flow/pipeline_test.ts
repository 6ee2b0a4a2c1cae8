import { assertEquals, assertThrows } from "@std/assert";
import { pipeline, repeat } from "../../lib/flow/pipeline.ts";
import { run } from "../../lib/flow/run.ts";
import { attempt, once, scan, type Stage } from "../../lib/flow/stage.ts";
import { right } from "../../lib/result.ts";
import { toy } from "./toy.ts";

const count = once("count", ({ pairs }: { pairs: readonly string[] }) => ({ n: pairs.length }));
const freezeRef = once("freezeRef", ({ policy }: { policy: Float32Array }) => ({ ref: policy }));
const load = attempt("load", ({ path }: { path: string }) => right({ pairs: [path] }));
const train = scan("train", {
  init: (state: { policy: Float32Array; ref: Float32Array; n: number }) => ({ carry: state.policy, steps: state.n }),
  step: (carry, { state }) => ({ carry: carry.map((x, i) => x - state.ref[i]!), metrics: {} }),
  done: (policy) => ({ policy }),
});
const policy = new Float32Array(2);

Deno.test("pipeline() needs what no earlier stage adds, and adds what all of them add", () => {
  const whole = pipeline("whole", [load, count, freezeRef, train]);
  const typed: Stage<{ path: string; policy: Float32Array }, {
    pairs: readonly string[];
    n: number;
    ref: Float32Array;
    policy: Float32Array;
  }> = whole;
  run(typed, { seed: 0, given: { path: "", policy } });
  // @ts-expect-error Property 'path' is missing
  run(whole, { seed: 0, given: { policy } });
});

Deno.test("a forgotten stage is a type error where needs meet what is given", () => {
  const forgot = pipeline("forgot", [load, count, train]);
  run(forgot, { seed: 0, given: { path: "", policy, ref: policy } });
  // @ts-expect-error Property 'ref' is missing
  run(forgot, { seed: 0, given: { path: "", policy } });
});

Deno.test("a stage that comes too late is a type error", () => {
  const late = pipeline("late", [load, count, train, freezeRef]);
  // @ts-expect-error Property 'ref' is missing
  run(late, { seed: 0, given: { path: "", policy } });
});

Deno.test("a field of another type than a later stage needs is a type error", () => {
  const words = once("words", () => ({ n: "three" }));
  const wrong = pipeline("wrong", [words, freezeRef, train]);
  // @ts-expect-error a stage needs another type of "n"
  run(wrong, { seed: 0, given: { policy } });
  // @ts-expect-error Type 'string' is not assignable to type 'Float32Array'
  run(freezeRef, { seed: 0, given: { policy: "weights" } });
});

Deno.test("the types of pipelines within pipelines are those of the flat one", () => {
  const nested = pipeline("nested", [
    pipeline("data", [load, count]),
    pipeline("train", [pipeline("ref", [freezeRef]), train]),
  ]);
  run(nested, { seed: 0, given: { path: "", policy } });
  const forgot = pipeline("forgot", [pipeline("data", [load, count]), pipeline("train", [train])]);
  // @ts-expect-error Property 'ref' is missing
  run(forgot, { seed: 0, given: { path: "", policy } });
});

Deno.test("repeat() needs what its stage needs, and what it adds must fit that", () => {
  run(repeat("times", 2, train), { seed: 0, given: { policy, ref: policy, n: 1 } });
  // @ts-expect-error Property 'ref' is missing
  run(repeat("times", 2, train), { seed: 0, given: { policy, n: 1 } });
  const grow = once("grow", ({ x }: { x: number }) => ({ x: String(x) }));
  // @ts-expect-error a stage needs another type of "x": the second round would get a string
  run(repeat("times", 2, grow), { seed: 0, given: { x: 1 } });
});

Deno.test("pipeline() refuses two stages of one name, at any depth", () => {
  assertThrows(
    () => pipeline("both", [count, pipeline("inner", [load, count])]),
    TypeError,
    "Cannot make pipeline both as its stages must have different names: two are called count",
  );
});

Deno.test("repeat() refuses a number of times that is not a positive integer", () => {
  for (const times of [0, -1, 1.5, NaN]) {
    assertThrows(
      () => repeat("rounds", times, count),
      RangeError,
      `Cannot repeat rounds as times must be a positive integer: current value is ${times}`,
    );
  }
});

Deno.test("a pipeline says what it needs and adds if all its stages do", () => {
  assertEquals(toy.needs, ["text"]);
  assertEquals(toy.adds, ["numbers", "start", "end", "drawn", "weights", "total"]);
  assertEquals(pipeline("silent", [count]).needs, undefined);
});
