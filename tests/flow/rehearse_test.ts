import { assertEquals, assertLess, assertThrows } from "@std/assert";
import type { TokenPair } from "../../lib/data/token_pair.ts";
import type { Event } from "../../lib/flow/event.ts";
import { pipeline } from "../../lib/flow/pipeline.ts";
import { foretell, type Foretold, rehearse } from "../../lib/flow/rehearse.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { once, scan, type Stage } from "../../lib/flow/stage.ts";
import { dryRun, memoryUse } from "../../lib/kernels/memory.ts";
import { type DecoderConfig, type DecoderParams, decoderTree, parameterCount } from "../../lib/model/decoder.ts";
import { initAdapter, withAdapter } from "../../lib/model/lora.ts";
import { dpoUpdate } from "../../lib/stages/dpo_update.ts";
import { evaluatePairs } from "../../lib/stages/evaluate_pairs.ts";
import { refLogps } from "../../lib/stages/reference.ts";
import { rewardUpdate } from "../../lib/stages/reward_update.ts";
import { sftUpdate } from "../../lib/stages/sft_update.ts";
import { fold, integer, key } from "../../lib/tensor/random.ts";
import { empty, floats, type Tensor, tensor, zeros } from "../../lib/tensor/tensor.ts";
import { tokenizer } from "../stages/tiny.ts";

const config: DecoderConfig = {
  vocabSize: 1000,
  hiddenSize: 96,
  layers: 3,
  contextLength: 256,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 1e4 },
  attention: { heads: 4, kvHeads: 2, headDim: 24 },
  mlp: { type: "gatedSilu", size: 256 },
  tiedEmbeddings: true,
};

const ids = (name: string, i: number, least: number, most: number): Int32Array =>
  new Int32Array(least + integer(fold(fold(key(5), name), i), most - least)).fill(7);

const rows: readonly TokenPair[] = Array.from({ length: 24 }, (_, i) => ({
  ...{ id: String(i), prompt: ids("p", i, 10, 40), chosen: ids("c", i, 8, 60), rejected: ids("r", i, 8, 60) },
}));

type Make = (path: string, shape: readonly number[]) => Tensor;

/** All that the stages below need, with parameters by `make`. */
const state = (make: Make, lora = false) => {
  const base = decoderTree(config, make);
  const policy: DecoderParams = lora ? withAdapter(base, initAdapter(key(1), base, { rank: 8 })) : base;
  const { head: _, ...trunk } = decoderTree(config, make);
  return {
    ...{ config, tokenizer, policy, ref: base, rows, heldOutRows: rows, fitRows: rows, refLogps: new Float64Array(48) },
    demonstrations: rows.map(({ id, prompt, chosen }) => ({ id, example: { prompt, completions: [chosen] } })),
    reward: { trunk, score: make("score", [1, config.hiddenSize]), mean: 0, deviation: 1 },
  };
};

const options = { lr: 1e-3, batchSize: 12 };
const dry: Make = (_, shape) => empty("f32", shape);
const real: Make = (_, shape) => tensor(shape, new Float32Array(shape.reduce((a, b) => a * b)).fill(0.01));

/** The most bytes of a stage in a run, beyond those that there were. */
async function measured<Needs>(stage: Stage<Needs, object>, given: Needs): Promise<number> {
  const before = memoryUse().bytes;
  let most = 0;
  await finish(run(stage as Stage<object, object>, { seed: 0, given: given as object }), (event) => {
    if (event.type === "done") most = Math.max(most, event.memory ?? 0);
  });
  return most - before;
}

const CASES: readonly (readonly [string, Stage<never, object>, boolean?])[] = [
  ["dpo", dpoUpdate({ ...options, beta: 0.1 })],
  ["dpo in micro-batches of 3", dpoUpdate({ ...options, beta: 0.1, microBatch: 3 })],
  ["dpo of an adapter", dpoUpdate({ ...options, beta: 0.1, microBatch: 4 }), true],
  ["reward", rewardUpdate(options)],
  ["reward in micro-batches of 2", rewardUpdate({ ...options, microBatch: 2 })],
  ["sft", sftUpdate(options)],
  ["sft in micro-batches of 5", sftUpdate({ ...options, microBatch: 5 })],
  ["reference log-probs", refLogps()],
  ["held-out pairs", evaluatePairs()],
];

for (const [name, stage, lora] of CASES) {
  Deno.test(`what is foretold of ${name} is measured in the run, within 10 %`, async () => {
    const { state: given, peak } = rehearse(stage, () => state(dry, lora) as never, {
      key: fold(key(0), stage.name),
    });
    await measured(stage, state(real, lora) as never); // kernels take memory of their own at their first use
    const took = await measured(stage, state(real, lora) as never);
    assertLess(Math.abs((peak - given) / took - 1), 0.1);
    assertLess(20e6, took); // far above the slabs in which memory is taken
  });
}

Deno.test("parameters, moments and adapters are counted to the byte", () => {
  const line = (n: number): number => 64 * Math.ceil(n / 64); // every tensor begins a cache line
  const sizes: number[] = [];
  decoderTree(config, (_, shape) => {
    sizes.push(line(4 * shape.reduce((a, b) => a * b)));
    return undefined as unknown as Tensor;
  });
  const bytes = sizes.reduce((a, b) => a + b);
  assertEquals(bytes, 4 * parameterCount(config));
  const sft = (lora: boolean) => rehearse(sftUpdate(options), () => ({ ...state(dry, lora), reward: null, ref: null }));
  const policies = 2 * bytes + 4 * 96; // the reward model's trunk and head are made too
  assertEquals(sft(false).state, policies);
  assertEquals(sft(false).carry, 3 * bytes);
  const adapter = sft(true).state - policies;
  assertEquals(adapter, 3 * 4 * 8 * (96 + 96 + 2 * (96 + 48) + 96 + 96 + 3 * (96 + 256)));
  assertEquals(sft(true).carry, 3 * adapter);
});

Deno.test("a dry run takes no memory and leaves everything as it was, whatever becomes of it", () => {
  const before = tensor([2], [1, 2]), { bytes } = memoryUse();
  const { state: given } = rehearse(sftUpdate(options), () => state((_, shape) => zeros("f32", shape)));
  assertLess(0, given);
  assertEquals([memoryUse().bytes, [...before.data]], [bytes, [1, 2]]);
  assertThrows(() =>
    dryRun(() => {
      throw new Error("half-way");
    })
  );
  assertEquals([memoryUse().bytes, floats(tensor([1], [3]))[0]], [bytes, 3]);
  const lost = dryRun(() => empty("f32", [4]));
  assertThrows(() => lost.data, TypeError, "its scope has ended");
  assertEquals(dryRun(() => (empty("f32", [1 << 30]), memoryUse().bytes)), 2 ** 32); // no machine need have it
  assertThrows(() => dryRun(() => dryRun(() => 0)), Error, "within another");
});

Deno.test("rehearse() refuses a stage that does not work in steps, and by itself looks at the first steps and the last", () => {
  assertThrows(() => rehearse(once("load", () => ({})), () => ({})), TypeError, "Cannot rehearse load");
  const seen: number[] = [];
  const count = scan("count", {
    init: () => ({ carry: 0, steps: 9 }),
    step: (n: number, { step }) => ({ carry: (seen.push(step), n), metrics: {} }),
    done: () => ({}),
  });
  rehearse(count, () => ({}));
  assertEquals(seen, [0, 1, 8]);
});

/** DPO with its reference pass and its evaluation, as a pipeline that loads its state. */
const whole = (change: object = {}, make: Make = real): Stage<object, object> =>
  pipeline("whole", [
    once("load", () => state(make)),
    refLogps(),
    dpoUpdate({ ...options, beta: 0.1, ...change }),
    once("wait", () => Promise.resolve({})),
    evaluatePairs(),
  ]) as Stage<object, object>;

Deno.test("a run tells before it trains what every stage will take, as far as nobody waits, and that is what they take", async () => {
  let foretold: readonly Foretold[] = [], before = 0;
  const took = new Map<string, number>();
  const steps: string[] = [];
  const ended = await finish(
    run(whole(), {
      ...{ seed: 0, given: {} },
      onForetold: (stages) => {
        [foretold, before] = [stages, memoryUse().bytes];
        assertEquals(steps, []);
        return [];
      },
    }),
    (event) => {
      if (event.type === "step") steps.push(String(event.path.at(-1)));
      if (event.type === "done") took.set(String(event.path.at(-1)), event.memory ?? 0);
    },
  );
  assertEquals(ended._tag, "Right");
  assertEquals(foretold.map(({ path }) => path.join("/")), ["whole/refLogps", "whole/dpoUpdate"]);
  for (const { path, peak } of foretold) {
    assertLess(Math.abs((before + peak) / took.get(String(path.at(-1)))! - 1), 0.1, path.join("/"));
  }
  const tokens = (of: readonly TokenPair[]): number =>
    of.reduce((sum, { prompt, chosen, rejected }) => sum + prompt.length + chosen.length + rejected.length, 0);
  assertEquals(foretold.map(({ tokens }) => tokens?.all), [tokens(rows), tokens(rows)]);
});

Deno.test("sentences about what is foretold refuse a run before its first step", async () => {
  const events: Event[] = [];
  const ended = await finish(
    run(whole(), { seed: 0, given: {}, onForetold: () => ["Too much"] }),
    (event) => events.push(event),
  );
  const stopped = ended._tag === "Left" ? ended.left : undefined;
  assertEquals(stopped, { kind: "input", sentences: ["Too much"], path: ["whole", "refLogps"] });
  assertEquals(events.filter(({ type }) => type === "step"), []);
});

Deno.test("the heaviest step is foretold, wherever it stands", () => {
  const one = (tokens: number, id: number): TokenPair => ({
    ...{ id: String(id), prompt: new Int32Array(8).fill(7), chosen: new Int32Array(tokens).fill(7) },
    rejected: new Int32Array(tokens).fill(7),
  });
  const peak = (lengths: readonly number[]): number => {
    const given = { ...state(real), rows: lengths.map(one), refLogps: new Float64Array(2 * lengths.length) };
    return rehearse(dpoUpdate({ lr: 1e-3, beta: 0.1, batchSize: 1, shuffle: false }), () => given).peak;
  };
  const short = Array<number>(9).fill(8);
  assertEquals(peak(short.with(5, 240)), peak(short.with(0, 240)));
  assertLess(1.2 * peak(short), peak(short.with(5, 240)));
});

Deno.test("smaller micro-batches take less, of as many tokens in all", () => {
  const peaks = [24, 6, 1].map((microBatch) => {
    const told = foretell(whole({ microBatch }), state(real), { seed: 0, from: ["whole", "refLogps"] });
    return told.at(-1) as Foretold;
  });
  assertEquals(new Set(peaks.map(({ tokens }) => tokens?.all)).size, 1);
  const [all, six, one] = peaks.map(({ peak }) => peak) as [number, number, number];
  assertLess(six, 0.85 * all);
  assertLess(one, six);
});
