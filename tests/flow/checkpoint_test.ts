import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type Checkpoint, packState, unpackState } from "../../lib/flow/checkpoint.ts";
import { contentHash } from "../../lib/flow/content_hash.ts";
import { type Event, showPath } from "../../lib/flow/event.ts";
import { pipeline } from "../../lib/flow/pipeline.ts";
import { finish, run, type RunOptions } from "../../lib/flow/run.ts";
import { once, scan } from "../../lib/flow/stage.ts";
import { left, type Result } from "../../lib/result.ts";
import { alias, floats, tensor } from "../../lib/tensor/tensor.ts";
import { descend, jitter, load, toy, walk } from "./toy.ts";

const options: RunOptions<{ text: string }> = { seed: 4, given: { text: "1 2 3" }, config: { beta: 0.1, steps: 5 } };
const TOY_STEPS = 5 + 3 * (4 + 1);

/** The hash of a run's last state, and the events that training told. */
async function record(
  more: Partial<RunOptions<{ text: string }>>,
): Promise<{ result: Result<unknown, string>; events: Event[] }> {
  const events: Event[] = [];
  const result = await finish(run(toy, { ...options, ...more }), (event) => events.push(event));
  return { result: result._tag === "Left" ? result : { _tag: "Right", right: contentHash(result.right) }, events };
}

/** Checkpoints of the toy's every step. */
async function everyStep(): Promise<readonly Checkpoint[]> {
  const checkpoints: Checkpoint[] = [];
  await record({ checkpointEvery: 1, onCheckpoint: (c) => void checkpoints.push(c) });
  return checkpoints;
}

/** Why a run cannot go on from a checkpoint. */
async function refusal(more: Partial<RunOptions<{ text: string }>>): Promise<readonly string[]> {
  const { result } = await record(more);
  assert(result._tag === "Left");
  return (result.left as { sentences: readonly string[] }).sentences;
}

const isStep = (e: Event): boolean => e.type === "step";

Deno.test("a run resumed from any step ends bit for bit as an unbroken one, and tells the steps that were left", async () => {
  const whole = await record({});
  const checkpoints = await everyStep();
  assertEquals(checkpoints.length, TOY_STEPS);
  for (const resume of checkpoints) {
    const rest = await record({ resume: structuredClone(resume) });
    assertEquals(rest.result, whole.result);
    const told = rest.events.filter(isStep);
    assertEquals(told, whole.events.filter(isStep).slice(-told.length || Infinity));
  }
});

Deno.test("a run broken by a signal at any step, and again after it, ends as an unbroken one", async () => {
  const whole = await record({});
  for (let at = 1; at <= TOY_STEPS; at += 3) {
    let resume: Checkpoint | undefined;
    for (let breaks = 0;; breaks++) {
      const abort = new AbortController();
      let steps = 0;
      const broken = run(toy, {
        ...options,
        signal: abort.signal,
        ...resume && { resume },
        onCheckpoint: (c) => void (resume = c),
      });
      const result = await finish(broken, (e) => e.type === "step" && ++steps === at && abort.abort());
      if (result._tag === "Left") continue;
      assertEquals(contentHash(result.right), whole.result._tag === "Right" && whole.result.right);
      assert(breaks >= Math.floor(TOY_STEPS / at / 2));
      break;
    }
  }
});

Deno.test("making checkpoints changes no bit of a run, and a checkpoint stays as it was made", async () => {
  const hashes: string[] = [];
  const checkpoints: Checkpoint[] = [];
  const onCheckpoint = (c: Checkpoint): void => void (hashes.push(contentHash(c)), checkpoints.push(c));
  assertEquals((await record({ checkpointEvery: 2, onCheckpoint })).result, (await record({})).result);
  assertEquals(checkpoints.length, TOY_STEPS / 2);
  assertEquals(checkpoints.map(contentHash), hashes);
});

Deno.test("a checkpoint says where it stands and holds what training made, nothing that is loaded", async () => {
  const checkpoints = await everyStep();
  const third = checkpoints[2]!;
  assertEquals(third.at, { path: ["toy", "walk"], step: 3, steps: 5 });
  assertEquals(Object.keys(third.loaded), ["what is given", "toy/load", "toy/prepare/jitter"]);
  assertEquals(Object.keys((third.training as { made: object }).made), []);
  const later = checkpoints[12]!;
  assertEquals(later.at, { path: ["toy", "rounds", 1, "round", "descend"], step: 3, steps: 4 });
  assertEquals(Object.keys((later.training as { made: object }).made).sort(), ["drawn", "end", "weights"]);
});

Deno.test("loading stages run again on resume, stages that trained do not", async () => {
  const { events } = await record({ resume: (await everyStep())[12]! });
  const starts = events.filter((e) => e.type === "start").map((e) => showPath(e.path));
  assertEquals(starts, [
    ...["toy", "toy/load", "toy/prepare", "toy/prepare/jitter", "toy/rounds", "toy/rounds/1/round"],
    ...["toy/rounds/1/round/descend", "toy/rounds/1/round/walkOn"],
    ...["toy/rounds/2/round", "toy/rounds/2/round/descend", "toy/rounds/2/round/walkOn", "toy/sum"],
  ]);
});

Deno.test("a signal while loading again leaves the good checkpoint alone", async () => {
  const resume = (await everyStep())[7]!;
  const made: Checkpoint[] = [];
  const stopped = await refusal({ resume, signal: AbortSignal.abort(), onCheckpoint: (c) => void made.push(c) });
  assertEquals(stopped, ["Stopped before toy/load"]);
  assertEquals(made, []);
});

Deno.test("a run that diverges leaves the last checkpoint good", async () => {
  let explode = true;
  const shaky = pipeline("p", [
    load,
    jitter,
    walk(2),
    scan("update", {
      init: ({ end }: { end: Float64Array }) => ({ carry: tensor([3], end, "f64"), steps: 4 }),
      step: (w, { step }) => ({
        carry: tensor([3], Array.from(floats(w), (x) => x / 2), "f64"),
        metrics: { loss: explode && step === 2 ? NaN : 1 },
      }),
      done: (w) => ({ w }),
    }),
  ]);
  let last: Checkpoint | undefined;
  const broken = await finish(run(shaky, { ...options, checkpointEvery: 1, onCheckpoint: (c) => void (last = c) }));
  assert(broken._tag === "Left");
  explode = false;
  const whole = await finish(run(shaky, options));
  const resumed = await finish(run(shaky, { ...options, resume: last! }));
  assert(resumed._tag === "Right" && whole._tag === "Right");
  assertEquals(contentHash(resumed.right), contentHash(whole.right));
});

Deno.test("a checkpoint of another run is refused, with each difference named", async () => {
  const resume = (await everyStep())[7]!;
  assertEquals(await refusal({ resume, seed: 5, config: { beta: 0.2, steps: 5, name: "a" } }), [
    "Cannot resume as the checkpoint is of another run: the seed is 5, in the checkpoint 4",
    "Cannot resume as the checkpoint is of another run: beta is 0.2, in the checkpoint 0.1",
    "Cannot resume as the checkpoint is of another run: name is a, in the checkpoint absent",
  ]);
  const other = pipeline("toy", [load, jitter, walk(5), descend(4)]);
  const refused = await finish(run(other, { ...options, resume }));
  assertEquals(
    refused,
    left({
      kind: "input" as const,
      sentences: [
        "Cannot resume as the checkpoint is of another run: stage 2 is toy/jitter, in the checkpoint toy/prepare/jitter",
      ],
    }),
  );
});

Deno.test("a checkpoint is refused if what is given or loaded has changed", async () => {
  const resume = (await everyStep())[7]!;
  assertEquals(await refusal({ resume, given: { text: "1 2 4" } }), [
    "Cannot resume as what is given must be the same as at the checkpoint: its content hash differs",
  ]);
  let file = "1 2 3";
  const read = pipeline("p", [
    once("read", () => ({ numbers: Float64Array.from(file.split(" "), Number) })),
    jitter,
    walk(5),
  ]);
  let last: Checkpoint | undefined;
  await finish(run(read, { seed: 0, given: {}, checkpointEvery: 2, onCheckpoint: (c) => void (last ??= c) }));
  file = "1 2 4";
  const refused = await finish(run(read, { seed: 0, given: {}, resume: last! }));
  assertEquals(refused._tag === "Left" && refused.left.sentences, [
    "Cannot resume as p/read must be the same as at the checkpoint: its content hash differs",
  ]);
});

Deno.test("unpackState(packState(tree)) is the tree in memory of its own, as data that can be cloned", () => {
  const w = tensor([2, 2], [1, -0, NaN, 4]);
  const bytes = new Uint8Array([1, 2, 3]);
  const tree = {
    w,
    flat: alias(w, [4]),
    list: [bytes, "text", 3n, null, undefined, true],
    map: new Map([["a", { x: Float64Array.of(0.1) }]]),
    set: new Set(["b"]),
    again: bytes,
  };
  const packed = structuredClone(packState(tree));
  const before = contentHash(tree);
  bytes[0] = 9;
  const back = unpackState(packed) as typeof tree;
  assertEquals(contentHash(back), before);
  assertEquals([back.w.shape, back.flat.shape], [[2, 2], [4]]);
  assert(floats(back.w) === floats(back.flat), "tensors that shared their numbers no longer do");
  assert(back.list[0] === back.again);
  (back.again as Uint8Array)[0] = 7;
  assertEquals((unpackState(packed) as typeof tree).again[0], 1);
});

Deno.test("packState() names what is not data", () => {
  assertThrows(
    () => packState({ policy: { layers: [{ apply: () => 1 }] } }),
    TypeError,
    "Cannot save the state as it must be data: state.policy.layers.0.apply is of type function",
  );
  assertThrows(() => packState({ at: new Date(0) }), TypeError, "state.at is of type Date");
});

Deno.test("contentHash() depends on content alone, and on all of it", () => {
  const base = { w: tensor([2, 2], [1, 2, 3, 4]), ids: Int32Array.of(1, 2), name: "policy", n: 0, on: true };
  const same = {
    on: true,
    n: 0,
    name: "policy",
    ids: Int32Array.of(0, 1, 2).subarray(1),
    w: tensor([2, 2], [1, 2, 3, 4]),
  };
  assertEquals(contentHash(base), contentHash(same));
  assertEquals(contentHash(base).length, 16);
  const others: unknown[] = [
    { ...base, w: tensor([4], [1, 2, 3, 4]) },
    { ...base, w: tensor([2, 2], [1, 2, 3, 4], "f64") },
    { ...base, w: tensor([2, 2], [1, 2, 3, 5]) },
    { ...base, ids: Int32Array.of(2, 1) },
    { ...base, ids: Uint32Array.of(1, 2) },
    { ...base, ids: [1, 2] },
    { ...base, name: "polic" },
    { ...base, name: "polićy" },
    { ...base, n: -0 },
    { ...base, n: "0" },
    { ...base, n: null },
    { ...base, n: undefined },
    { ...base, on: "true" },
    { ...base, more: [] },
    [base],
  ];
  const hashes = [base, ...others].map(contentHash);
  assertEquals(new Set(hashes).size, hashes.length);
  assertNotEquals(contentHash(new Map([[1, 2]])), contentHash(new Map([[2, 1]])));
  assertNotEquals(contentHash(Uint8Array.of(1, 2, 3, 4, 5).subarray(1)), contentHash(Uint8Array.of(2, 3, 4, 6)));
  assertEquals(contentHash(Uint8Array.of(1, 2, 3, 4, 5).subarray(1)), contentHash(Uint8Array.of(2, 3, 4, 5)));
});

Deno.test("contentHash() scatters: a hundred thousand neighbours share none of 64 bits' hashes, and few of 32", () => {
  const hashes = Array.from({ length: 100_000 }, (_, i) => contentHash(i));
  assertEquals(new Set(hashes).size, hashes.length);
  for (const half of [(h: string) => h.slice(0, 8), (h: string) => h.slice(8)]) {
    const distinct = new Set(hashes.map(half)).size; // 1.2 pairs are expected to collide
    assert(hashes.length - distinct < 12, `${hashes.length - distinct} collisions`);
  }
});
