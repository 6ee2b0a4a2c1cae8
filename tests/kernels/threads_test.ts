import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { kernels, openKernels } from "../../lib/kernels/provider.ts";
import { wasmKernels } from "../../lib/kernels/wasm/kernels.ts";
import { compile, detectTarget } from "../../lib/kernels/wasm/module.ts";
import { openPace } from "../../lib/kernels/wasm/pace.ts";
import { openTeam } from "../../lib/kernels/wasm/team.ts";
import { from, own, partsOf, sizeOf } from "../../lib/kernels/wasm/work.ts";
import { type Start, startWorker, type Thread } from "../../lib/kernels/wasm/worker.ts";
import { random, shared, uniform } from "./arrays.ts";
import { Worker } from "node:worker_threads";

const target = detectTarget()!;
const zeros = (n: number): Float32Array => shared(new Float32Array(n));

const module = compile(target);
Deno.test("other threads do take parts", () => {
  const team = openTeam(module, { threads: 2, reluctance: 0 });
  const [x, marks] = [shared([1, 1]), zeros(32)];
  const deadline = performance.now() + 10_000;
  const done: number[] = [];
  while (marks[16] === 0 && performance.now() < deadline) {
    // Each part adds 1 to its thread's own number: ten parts a job, or the whole in one while the others rest.
    const [before, mark] = [marks[0]!, own(marks.byteOffset, 64)];
    team.run("axpy", [1, x.byteOffset, mark, mark, 4], { units: 16, cost: 1e6 });
    done.push(marks[0]! + marks[16]! - before);
  }
  team.close();
  assert(marks[16]! > 0, "the other thread never took a part");
  assertEquals(done.at(-1), 10, "parts of the job that was shared");
  assert(done.every((parts) => parts === 10 || parts === 1), `${done}`);
});

Deno.test("small work is shared with threads that look for some, and none of them is woken for it", () => {
  let sleeping: Int32Array | undefined;
  /** A thread that takes no parts. */
  const start = ({ memory, words, place }: Start): Thread => {
    sleeping = new Int32Array(memory.buffer, words + 4 * place.asleep, 1);
    return { terminate: () => {} };
  };
  const team = openTeam(module, { threads: 2, start, reluctance: 0 });
  const [x, mark] = [shared([1]), zeros(1)];
  /** Each part adds 1. */
  const parts = (nanoseconds: number, whole?: number): number => {
    const [before, at] = [mark[0]!, mark.byteOffset];
    const work = { units: 16, cost: nanoseconds / 16, ...whole === undefined ? {} : { parts: whole } };
    team.run("axpy", [1, x.byteOffset, at, at, 4], work);
    return mark[0]! - before;
  };
  assertEquals([parts(10_000), parts(13_000), parts(40_000), parts(1e6)], [1, 2, 4, 10]);
  assertEquals(parts(40_000, 1), 1, "a library's small work stays whole, whoever sleeps");
  sleeping![0] = 1;
  assertEquals([parts(10_000), parts(13_000), parts(59_000), parts(61_000)], [1, 1, 1, 6]);
  team.close();
});

/** The sizes of parts, as they are taken. */
const sizesOf = (bounds: readonly number[]): readonly number[] =>
  bounds.slice(1).map((end, i) => end - bounds[i]!).reverse();

Deno.test("work is cut at whole steps, from 0 to its end, into parts that are worth it", () => {
  assertEquals(partsOf({ units: 10, cost: 1 }, 4), [0, 10]);
  assertEquals(partsOf({ units: 10, cost: 1e6, align: 4 }, 4), [0, 4, 8, 10]);
  assertEquals(sizesOf(partsOf({ units: 10, cost: 3_800 }, 2)), [2, 2, 3, 3]); // of 38 µs, 6 at least
  assertEquals(sizesOf(partsOf({ units: 10, cost: 3_800 }, 4)), [3, 2, 3, 2]);
  assertEquals(sizesOf(partsOf({ units: 10, cost: 1e6, parts: 2 }, 2)), [3, 2, 3, 2]); // of a library equal ones
  assertEquals(partsOf({ units: 10, cost: 3_800, parts: 2 }, 4).length, 1 + 4); // not five: as many for each thread
});

Deno.test("parts become smaller, so that nobody waits for a large one at the end, and are eight a thread at most", () => {
  const sizes = sizesOf(partsOf({ units: 960, cost: 1e3 }, 2));
  assertEquals(sizes, [120, 120, 120, 120, 120, 120, 60, 60, 30, 30, 15, 15, 7, 7, 8, 8]);
  const many = partsOf({ units: 1e7, cost: 1e6 }, 64);
  assertEquals(many.length, 1 + 8 * 64);
  assertEquals([many[0], many.at(-1)], [0, 1e7]);
});

/** Does jobs that threads make so many times quicker, and counts those that one thread did. */
function paced(): (jobs: number, gain: number) => number {
  let clock = 0;
  const pace = openPace(() => clock);
  const job = (gain: number): boolean => {
    const rests = pace.rests();
    pace.begin();
    clock += rests ? 1 : 1 / gain;
    pace.end(1e6);
    return rests;
  };
  return (jobs, gain) => Array.from({ length: jobs }, () => job(gain)).filter(Boolean).length;
}

Deno.test("threads rest while they gain nothing, and longer and longer; and work again when they gain", () => {
  const rested = paced();
  assertEquals(rested(200, 0.5), 0); // while threads start
  for (const jobs of [64, 128, 256, 512, 1024, 1024]) {
    const timed = rested(64, 0.9);
    assert(timed > 20 && timed < 44, `${timed} of 64 jobs were done by one thread`);
    assertEquals(rested(jobs, 0.9), jobs);
  }
  rested(64, 1.8);
  assertEquals(rested(1000, 1.8), 0);
  rested(64, 0.9);
  assertEquals(rested(64, 0.9), 64);
  rested(64, 1.8);
  assertEquals(rested(1000, 1.8), 0, "after one moment without a gain");
});

Deno.test("an engine without threads computes in one", () => {
  const start = (): Thread => {
    throw new TypeError("no workers here");
  };
  const draw = uniform(5);
  const [a, c, d] = [random(300 * 300, draw), zeros(300 * 300), zeros(300 * 300)];
  wasmKernels(target, { threads: 4, start, reluctance: 0 }).gemm(300, 300, 300, a, [300, 1], a, [300, 1], c, 300, 0);
  wasmKernels(target).gemm(300, 300, 300, a, [300, 1], a, [300, 1], d, 300, 0);
  assertEquals(c, d);
});

Deno.test("threads that die between jobs are not missed", async () => {
  const threads: Thread[] = [];
  const start = (given: Start): Thread => {
    threads.push(startWorker(given));
    return threads.at(-1)!;
  };
  const kernels = wasmKernels(target, { threads: 3, start, reluctance: 0 });
  const [x, out] = [shared(new Float32Array(1 << 18).fill(3)), zeros(1 << 18)];
  kernels.map("square", x, out);
  assertEquals(threads.length, 2);
  for (const thread of threads) await thread.terminate();
  for (let i = 0; i < 3; i++) {
    out.fill(0);
    kernels.map("square", x, out);
    assert(out.every((y) => y === 9));
  }
});

Deno.test("a thread that dies in its part is a sentence, and the kernels go on without it", () => {
  /** A worker that takes a part, and is never heard of again. */
  const start = (workerData: Start): Thread => {
    const program = `
      const { memory, words, place } = require("node:worker_threads").workerData;
      const desk = new Int32Array(memory.buffer, words);
      let left = 0;
      while (left === 0 || Atomics.compareExchange(desk, place.left, left, left - 1) !== left) {
        Atomics.wait(desk, place.left, 0);
        left = Atomics.load(desk, place.left);
      }`;
    const worker = new Worker(program, { eval: true, workerData });
    worker.unref();
    return worker;
  };
  const team = openTeam(module, { threads: 2, start, reluctance: 0, limit: 50 });
  const [x, y] = [shared(new Float32Array(1 << 16).fill(1)), zeros(1 << 16)];
  const square = (): void =>
    team.run("map_square", [from(x.byteOffset, 4), from(y.byteOffset, 4), sizeOf(4)], { units: x.length, cost: 5 });
  const until = performance.now() + 10_000;
  assertThrows(
    () => {
      while (performance.now() < until) square();
    },
    Error,
    "Cannot finish map_square as a thread was lost in the middle of it: run again with one thread",
  );
  y.fill(0);
  square();
  assert(y.every((value) => value === 1));
});

Deno.test("a kernel that fails in any thread is an error in the calling one", () => {
  const team = openTeam(module, { threads: 2, reluctance: 0 });
  const last = 2 ** 32 - 8; // half a vector before the end
  const beyond = (): void => team.run("map_square", [last, last, 16], { units: 16, cost: 1e6 });
  assertThrows(beyond, RangeError, "Cannot finish map_square as it reached beyond the memory");
  team.close();
});

Deno.test("openKernels() refuses numbers of threads that are none", async () => {
  for (const threads of [0, -1, 1.5, NaN, 65]) {
    await assertRejects(
      () => openKernels({ threads }),
      RangeError,
      `Cannot open kernels as threads must be a whole number from 1 to 64: current value is ${threads}`,
    );
  }
});

Deno.test("kernels are made anew for another number of threads, and only then", async () => {
  await openKernels({ threads: 3 });
  const three = kernels("f32");
  await openKernels({ backend: "reference", threads: 3 });
  await openKernels({ threads: 3 });
  assertStrictEquals(kernels("f32"), three);
  await openKernels({ threads: 1 });
  assert(kernels("f32") !== three);
});
