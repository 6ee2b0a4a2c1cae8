/** What `--explain` and a run foretell, held to what runs take. */
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import {
  type DecoderConfig,
  define,
  dpoUpdate,
  initDecoder,
  key,
  once,
  pipeline,
  scan,
  type Stage,
  type Tokenizer,
  zeros,
} from "../../mod.ts";
import { dpo, settings as dpoSettings } from "../../pipelines/dpo.ts";
import { type Forecast, forecast, type Holding, peakOf, shortage } from "../../pipelines/forecast.ts";
import { durationText } from "../../pipelines/outlook.ts";
import { alignmentSizes } from "../../pipelines/sizes.ts";
import { summary } from "../../pipelines/summary.ts";
import { printed } from "./command_line.ts";

const may = (await Deno.permissions.query({ name: "run", command: Deno.execPath() })).state === "granted" &&
  (await Deno.permissions.query({ name: "write" })).state === "granted";

/** What a pipeline prints, in a process of its own: what another has left would count with it. */
async function printedBy(line: string): Promise<string> {
  const [program, ...flags] = line.split(" ");
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-R", "-W", `pipelines/${program}.ts`, "--json", "--quiet", ...flags],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** The most memory that a kept run took. */
async function measured(line: string): Promise<number> {
  const folder = await Deno.makeTempDir();
  await printedBy(`${line} --out ${folder}/run`);
  const lines = (await Deno.readTextFile(`${folder}/run/timings.jsonl`)).trimEnd().split("\n");
  await Deno.remove(folder, { recursive: true });
  return Math.max(...lines.map((line) => (JSON.parse(line) as { readonly memoryBytes?: number }).memoryBytes ?? 0));
}

for (
  const [what, line] of [
    ["alignment", "dpo --pairs 128 --prompts 30 --epochs 0.5"],
    ["alignment in micro-batches", "dpo --pairs 128 --prompts 30 --epochs 0.5 --micro-batch 16"],
    ["a reward model", "reward --pairs 120 --epochs 0.5"],
    ["fine-tuning", "sft --passages 100 --batch-size 64 --epochs 1 --prompts 30"],
  ] as const
) {
  Deno.test({
    name: `--explain foretells the memory of ${what} within 10 %`,
    ignore: !may,
    fn: async () => {
      const { mostBytes, speed: { tokensPerSecond, tokens, seconds } } = JSON.parse(
        await printedBy(`${line} --explain`),
      );
      const took = await measured(line);
      assertLess(Math.abs(mostBytes / took - 1), 0.1, `${mostBytes} foretold, ${took} measured`);
      assert(tokensPerSecond > 10 && seconds === tokens / tokensPerSecond);
    },
  });
}

/** The forecast without what is in use: what other tests have left is freed at any time. */
const fromEmpty = (told: Forecast): Forecast => ({ ...told, inUse: 0 });

Deno.test("a run that will not fit is refused with the settings that would: micro-batches, a context, or less to train", async () => {
  const own = { ...dpoSettings.values, pairs: 128 };
  const told = await forecast(dpo(own), 0);
  assert(told._tag === "Right" && told.right !== null);
  const full = fromEmpty(told.right);
  const variant = { seed: 0, batchSize: 64, own, variant: (change: object) => dpo({ ...own, ...change }) };
  const refused = (most: number): readonly string[] => shortage({ ...full, most, bound: "the test says so" }, variant);
  assertEquals(refused(peakOf(full)), []);
  const [first, second] = refused(peakOf(full) / 2);
  assertMatch(
    first as string,
    /^Cannot start as dpo\/dpoUpdate would need \d\d\.\d MiB of memory for tensors: \d+\.\d MiB are the most, as the test says so$/,
  );
  assertMatch(second as string, /^With --micro-batch (16|8) it would need \d+\.\d MiB; the result would be the same$/);
  const none = refused(5e6)[1] as string;
  assertMatch(
    none,
    /^Of it \d+\.\d MiB are what was loaded, what is trained and its moments: train an adapter \(--lora-/,
  );
});

Deno.test("where a single long row does not fit, a context is named in which it does", async () => {
  const config: DecoderConfig = {
    ...{ vocabSize: 300, hiddenSize: 64, layers: 2, contextLength: 4096, tiedEmbeddings: true },
    ...{ norm: { type: "rms", eps: 1e-5 }, positions: { type: "rotary", theta: 1e4 } },
    ...{ attention: { heads: 4, kvHeads: 2, headDim: 16 }, mlp: { type: "gatedSilu", size: 172 } },
  };
  const long = (tokens: number): Int32Array => new Int32Array(tokens).fill(7);
  const rows = [0, 1].map((id) => ({ id: String(id), prompt: long(2000), chosen: long(2000), rejected: long(900) }));
  const align = ({ gradientCheckpointing, microBatch = 2 }: Partial<Holding>): Stage<object, object> =>
    pipeline("align", [
      once("load", (_: object) => ({
        ...{ config, tokenizer: {} as Tokenizer, policy: initDecoder(key(0), config), rows },
        refLogps: new Float64Array(4),
      })),
      dpoUpdate({
        ...{ beta: 0.1, lr: 1e-3, batchSize: 2, microBatch },
        ...gradientCheckpointing === "on" && { gradientCheckpointing: true },
      }),
    ]) as Stage<object, object>;
  const told = await forecast(align({}), 0);
  assert(told._tag === "Right" && told.right !== null);
  const full = fromEmpty(told.right);
  const refused = (most: number): string =>
    shortage({ ...full, most, bound: "" }, {
      ...{ seed: 0, batchSize: 2, own: { microBatch: 0, gradientCheckpointing: "off" as const }, variant: align },
    })[1] as string;
  assertMatch(
    refused(0.8 * peakOf(full)),
    /^With --micro-batch 1 it would need \d+\.\d MiB; the result would be the same$/,
  );
  assertMatch(refused(0.5 * peakOf(full)), /^With --micro-batch 1 --gradient-checkpointing on it would need/);
  for (const [share, context] of [[0.4, 2000], [0.28, 1000], [0.22, 500]] as const) {
    const fits = `--micro-batch 1 --gradient-checkpointing on --context ${context} --overflow keepEnd`;
    assertMatch(refused(share * peakOf(full)), new RegExp(`^With ${fits} it would need \\d+\\.\\d MiB$`));
  }
});

/** A pipeline that would carry 6 GiB from step to step. */
const huge = {
  pipelineOf: () =>
    pipeline("huge", [
      once("load", (_: object) => ({ size: 3 * 2 ** 29 })),
      scan("fill", {
        init: ({ size }: { readonly size: number }) => ({ carry: zeros("f32", [size]), steps: 1 }),
        step: (carry) => ({ carry, metrics: {} }),
        done: () => ({}),
        tokens: () => ({ all: 1, atOnce: 1 }),
      }),
    ]),
  settings: define({}),
  summary: () => ({ json: {}, table: "" }),
  sizes: () => Promise.resolve({ _tag: "Right", right: [] } as const),
};

Deno.test("what 4 GiB do not hold is refused before anything is taken, with exit code 2, and --explain says so", async () => {
  const refused = await printed(huge, "--quiet");
  assertEquals([refused.code, refused.out], [2, ""]);
  assertMatch(
    refused.err,
    /^Cannot start as huge\/fill would need 6\.0 GiB of memory for tensors: \d\.\d GiB are the most/,
  );
  const explained = await printed(huge, "--explain");
  assertEquals(explained.code, 0);
  assertStringIncludes(explained.out, "Cannot start as huge/fill would need 6.0 GiB");
});

Deno.test("--explain on data that cannot be read says what is to be mended, and the rest all the same", async () => {
  const program = { pipelineOf: dpo, settings: dpoSettings, summary, sizes: alignmentSizes };
  const { code, out } = await printed(program, "--explain", "--data", "absent.jsonl");
  assertEquals(code, 0);
  assertStringIncludes(out, "What its steps take cannot be said before this is mended:\n");
  assertStringIncludes(out, "absent.jsonl");
  assertEquals([40, 99.4, 100, 5999, 6000, 0.2].map(durationText), [
    "40 s",
    "99 s",
    "2 min",
    "100 min",
    "1.7 h",
    "1 s",
  ]);
});
