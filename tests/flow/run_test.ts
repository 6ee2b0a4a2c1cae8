import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { contentHash } from "../../lib/flow/content_hash.ts";
import { type Event, showPath } from "../../lib/flow/event.ts";
import type { Checkpoint } from "../../lib/flow/checkpoint.ts";
import { pipeline, repeat } from "../../lib/flow/pipeline.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { attempt, once, scan, type Stage } from "../../lib/flow/stage.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { left, type Result } from "../../lib/result.ts";
import { fold, type Key, key, uniform } from "../../lib/tensor/random.ts";
import { consume, copy, floats, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { descend, jitter, load, toy, walk } from "./toy.ts";

const given = { text: "1 2 3" };

/** The value of a run that must not fail. */
function ended<R>(result: Result<unknown, R>): R {
  if (result._tag === "Left") throw new Error(`a run stopped: ${JSON.stringify(result.left)}`);
  return result.right;
}

/** Events in short: `step walk 3/5`. */
const short = (event: Event): string =>
  `${event.type} ${showPath(event.path)}` + (event.type === "step" ? ` ${event.step}/${event.steps}` : "");

/** A stage that notes its key under its own name. */
const noteKey = (name: string): Stage<object, Record<string, Key>> =>
  once(name, (_: object, { key }) => ({ [name]: key }));

/** A scan of `steps` steps with these metrics at step 2, and 1 before. */
const fails = (metrics: Record<string, number>, rows?: readonly string[]): Stage<object, object> =>
  scan("update", {
    init: () => ({ carry: { params: { w: tensor([2], [1, 2]) } }, steps: 5 }),
    step: ({ params }, { step }) => ({
      carry: step < 2 ? { params } : { params: { w: tensor([2], [1, NaN]) } },
      metrics: step < 2 ? { loss: 1, grad_norm: 1 } : metrics,
      ...rows && { rows },
    }),
    done: ({ params }) => ({ params }),
  });

Deno.test("run() gives one seed one result to the byte, and another seed another", async () => {
  const hashes = await Promise.all(
    [5, 5, 6].map(async (seed) => contentHash(ended(await finish(run(toy, { seed, given }))))),
  );
  assertEquals(hashes[0], hashes[1]);
  assertNotEquals(hashes[0], hashes[2]);
});

Deno.test("runs that take turns end as they would alone", async () => {
  const alone = contentHash(ended(await finish(run(toy, { seed: 5, given }))));
  const runs = [run(toy, { seed: 5, given }), run(toy, { seed: 6, given })] as const;
  for (let turn = 0;; turn++) {
    const next = await runs[turn % 2]!.next();
    if (next.done && turn % 2 === 0) return assertEquals(contentHash(ended(next.value)), alone);
  }
});

Deno.test("a pipeline of pipelines equals the flat one", async () => {
  const flat = pipeline("p", [load, jitter, walk(3), descend(2)]);
  const nested = pipeline("p", [pipeline("a", [load]), pipeline("b", [pipeline("c", [jitter, walk(3)]), descend(2)])]);
  const results = [];
  for (const whole of [flat, nested]) {
    const metrics: unknown[] = [];
    const state = ended(
      await finish(run(whole, { seed: 1, given }), (e) => e.type === "step" && metrics.push(e.metrics)),
    );
    results.push({ state: contentHash(state), metrics });
  }
  assertEquals(results[0], results[1]);
});

Deno.test("adding a stage changes nobody else's keys", async () => {
  const one = ended(await finish(run(pipeline("p", [noteKey("a"), noteKey("z")]), { seed: 3, given: {} })));
  const two = ended(
    await finish(
      run(pipeline("p", [noteKey("new"), noteKey("a"), noteKey("b"), noteKey("z")]), { seed: 3, given: {} }),
    ),
  );
  assertEquals([two.a, two.z], [one.a, one.z]);
  assertNotEquals(one.a, one.z);
});

Deno.test("a key folds seed, pipeline, iteration, stage and step", async () => {
  const seen: Key[] = [];
  const update = scan("update", {
    init: (_: object, { key }) => (seen.push(key), { carry: 0, steps: 2 }),
    step: (carry, { key }) => (seen.push(key), { carry, metrics: {} }),
    done: (_carry, _state, { key }) => (seen.push(key), {}),
  });
  ended(await finish(run(pipeline("p", [repeat("rounds", 2, pipeline("round", [update]))]), { seed: 9, given: {} })));
  const expected = [0, 1].flatMap((i) => {
    const stage = fold(fold(fold(fold(key(9), "p"), "rounds"), i), "update");
    return [fold(stage, "init"), fold(stage, 0), fold(stage, 1), fold(stage, "done")];
  });
  assertEquals(seen, expected);
});

Deno.test("run() tells starts, steps, notes and ends in order", async () => {
  const events: Event[] = [];
  await finish(
    run(pipeline("p", [load, jitter, repeat("rounds", 2, walk(3))]), { seed: 0, given }),
    (e) => events.push(e),
  );
  const round = (i: number): string[] => [
    `start p/rounds/${i}/walk`,
    `step p/rounds/${i}/walk 1/3`,
    `step p/rounds/${i}/walk 2/3`,
    `warning p/rounds/${i}/walk`,
    `step p/rounds/${i}/walk 3/3`,
    `done p/rounds/${i}/walk`,
    `step p/rounds ${i + 1}/2`,
  ];
  assertEquals(events.map(short), [
    ...["start p", "start p/load", "done p/load", "start p/jitter", "done p/jitter", "start p/rounds"],
    ...[...round(0), ...round(1), "done p/rounds", "done p"],
  ]);
  assertEquals(events[0], { type: "start", path: ["p"], stages: ["load", "jitter", "rounds"] });
  assertEquals(events[5], { type: "start", path: ["p", "rounds"], steps: 2 });
  assertEquals(events[6], { type: "start", path: ["p", "rounds", 0, "walk"], steps: 3 });
});

Deno.test("run() merges what each stage adds over what was there", async () => {
  const double = once("double", ({ x }: { x: number }) => Promise.resolve({ x: 2 * x }));
  const name = once("name", ({ y }: { y: string }) => ({ z: y }));
  const whole = pipeline("p", [repeat("doublings", 10, double), name]);
  const state = ended(await finish(run(whole, { seed: 0, given: { x: 1, y: "kept" } })));
  assertEquals<unknown>(state, { x: 1024, y: "kept", z: "kept" });
});

Deno.test("a failed attempt ends the run with its sentences and its stage", async () => {
  const result = await finish(run(toy, { seed: 0, given: { text: "1 two" } }));
  assertEquals(
    result,
    left({
      kind: "input" as const,
      sentences: ['Cannot load as each word must be a number: text is "1 two"'],
      path: ["toy", "load"],
    }),
  );
});

Deno.test("a loss that is not finite ends the run with step, tensor and rows", async () => {
  const result = await finish(run(pipeline("p", [fails({ loss: NaN }, ["a7", "a9"])]), { seed: 0, given: {} }));
  assertEquals(
    result,
    left({
      kind: "run" as const,
      sentences: [
        "Cannot go on with p/update at step 3 as loss must be finite: current value is NaN",
        "The first tensor with a number that is not finite is params.w",
        "The rows of the step are a7, a9",
      ],
      path: ["p", "update"],
      step: 3,
      rows: ["a7", "a9"],
    }),
  );
});

Deno.test("a gradient norm that is not finite ends the run, another metric does not", async () => {
  const result = await finish(run(fails({ loss: 1, grad_norm: Infinity }), { seed: 0, given: {} }));
  assertEquals(
    result._tag === "Left" && result.left.sentences[0],
    "Cannot go on with update at step 3 as grad_norm must be finite: current value is Infinity",
  );
  ended(await finish(run(fails({ loss: 1, "logps/chosen": NaN }), { seed: 0, given: {} })));
});

Deno.test("a mistake in a stage is thrown, not returned", async () => {
  const broken = once("broken", () => {
    throw new TypeError("Cannot add shapes [2] and [3]");
  });
  await assertRejects(() => finish(run(broken, { seed: 0, given: {} })), TypeError, "Cannot add shapes [2] and [3]");
  const endless = scan("endless", {
    init: () => ({ carry: 0, steps: NaN }),
    step: (carry) => ({ carry, metrics: {} }),
    done: () => ({}),
  });
  await assertRejects(
    () => finish(run(endless, { seed: 0, given: {} })),
    RangeError,
    "Cannot run endless as its number of steps must be a non-negative integer: current value is NaN",
  );
  await assertRejects(() => finish(run(broken, { seed: -1, given: {} })), RangeError, "seed");
  assertThrows(() => pipeline("p", [broken, broken]), TypeError, "broken");
});

Deno.test("a signal stops the run after the step it is in", async () => {
  const abort = new AbortController();
  const events: string[] = [];
  const result = await finish(run(toy, { seed: 0, given, signal: abort.signal }), (event) => {
    events.push(short(event));
    if (events.at(-1) === "step toy/walk 2/5") abort.abort();
  });
  assertEquals(
    result,
    left({
      kind: "aborted" as const,
      sentences: ["Stopped in toy/walk after step 2 of 5"],
      path: ["toy", "walk"],
      step: 2,
    }),
  );
  assertEquals(events.at(-1), "step toy/walk 2/5");
});

Deno.test("a signal stops the run before the next stage", async () => {
  const result = await finish(run(toy, { seed: 0, given, signal: AbortSignal.abort() }));
  assertEquals(
    result,
    left({ kind: "aborted" as const, sentences: ["Stopped before toy/load"], path: ["toy", "load"] }),
  );
});

Deno.test("timers and signals arrive while steps are computed", async () => {
  const busy = scan("busy", {
    init: () => ({ carry: 0, steps: 1000 }),
    step: (carry) => {
      for (const begun = performance.now(); performance.now() - begun < 2;);
      return { carry, metrics: {} };
    },
    done: () => ({}),
  });
  const result = await finish(run(busy, { seed: 0, given: {}, signal: AbortSignal.timeout(50) }));
  assert(result._tag === "Left" && result.left.kind === "aborted");
});

Deno.test("a thousand steps hold memory flat, and the carry's tensors end with the scan", async () => {
  const train = scan("train", {
    init: () => ({
      carry: { w: tensor([1000], new Float32Array(1000)), m: tensor([1000], new Float32Array(1000)) },
      steps: 1000,
    }),
    step: ({ m }, { key }) => {
      const waste = tensor([100_000], new Float32Array(100_000));
      const next = tensor([1000], Array.from(floats(m), (x) => x + uniform(key, 1)[0]! + floats(waste)[0]!));
      return { carry: { w: copy(next), m: next }, metrics: {} };
    },
    done: ({ w }) => ({ w }),
  });
  const before = memoryUse().bytes;
  const used: number[] = [];
  const state = ended(await finish(run(train, { seed: 0, given: {} }), () => used.push(memoryUse().bytes - before)));
  assert(Math.max(...used) <= 4 * 4096, `${Math.max(...used)} bytes were in use`);
  assert(memoryUse().bytes - before <= 3 * 4096, "the momentum outlived its scan");
  assertEquals(floats(state.w).length, 1000);
});

Deno.test("the runner frees no tensor that someone else, the next carry or an update still holds", async () => {
  const [policy, other, outside] = [tensor([2], [1, 2]), tensor([2], [3, 4]), tensor([2], [5, 6])];
  const train = scan("train", {
    init: ({ policy }: { policy: Tensor; other: Tensor }) => ({
      carry: { w: copy(policy), best: policy, visitor: outside },
      steps: 6,
    }),
    step: ({ w, best, visitor }, { step, state }) => ({
      carry: {
        w: step % 2 ? consume(w, (x) => x.set(x.map((y) => y + 1))) : copy(w), // donated every other step
        best: step === 2 ? w : best, // made by one step, kept by all later ones
        visitor: step < 2 ? visitor : step === 2 ? state.other : state.policy, // comes and goes, and is not the carry's own
      },
      metrics: {},
    }),
    done: ({ w, best }) => ({ w, best }),
  });
  const state = ended(await finish(run(train, { seed: 0, given: { policy, other } })));
  assertEquals([policy, other, outside].map((t) => [...t.data]), [[1, 2], [3, 4], [5, 6]]);
  assertEquals([state.policy, state.other].map((t) => [...t.data]), [[1, 2], [3, 4]]);
  assertEquals([state.w, state.best].map((t) => [...t.data]), [[4, 5], [2, 3]]);
});

/** An attempt that fails once its signal is up, or before. */
const remote = (fail: () => void) =>
  attempt("remote", async (_: object, { signal }) => {
    fail();
    await Promise.resolve();
    return left({ kind: "run" as const, sentences: [`The signal is ${signal.aborted ? "up" : "down"}`] });
  });

Deno.test("an asynchronous attempt ends the run with its own failure", async () => {
  assertEquals(
    await finish(run(remote(() => {}), { seed: 0, given: {} })),
    left({ kind: "run" as const, sentences: ["The signal is down"], path: ["remote"] }),
  );
});

Deno.test("an asynchronous attempt gets the signal, and one that gives up for it stops the run before itself", async () => {
  const abort = new AbortController();
  const kept: Checkpoint[] = [];
  const stage = pipeline("two", [once("one", () => ({ x: 1 })), remote(() => abort.abort())]);
  const onCheckpoint = (checkpoint: Checkpoint): void => void kept.push(checkpoint);
  assertEquals(
    await finish(run(stage, { seed: 0, given: {}, signal: abort.signal, onCheckpoint })),
    left({ kind: "aborted" as const, sentences: ["Stopped before two/remote"], path: ["two", "remote"] }),
  );
  assertEquals(kept.map(({ at }) => at.path), [["two", "remote"]]);
});
