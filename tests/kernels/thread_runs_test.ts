/** Programs with threads: a whole training run, and how a program ends. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { pipeline } from "../../lib/flow/pipeline.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { defaultThreads, openKernels } from "../../lib/kernels/provider.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { dpoUpdate } from "../../lib/stages/dpo_update.ts";
import { freezeRef, refLogps } from "../../lib/stages/reference.ts";
import { key } from "../../lib/tensor/random.ts";
import { leaves } from "../../lib/tensor/tree.ts";

const config = {
  vocabSize: 259,
  hiddenSize: 96,
  layers: 1,
  contextLength: 40,
  norm: { type: "rms", eps: 1e-5 },
  positions: { type: "rotary", theta: 100 },
  attention: { heads: 4, kvHeads: 2, headDim: 24 },
  mlp: { type: "gatedSilu", size: 192 },
  tiedEmbeddings: true,
} as const;

const ids = (length: number, step: number): Int32Array => Int32Array.from({ length }, (_, j) => 30 + (j * step) % 200);
const rows = Array.from({ length: 48 }, (_, i) => ({
  id: `row ${i}`,
  prompt: ids(6 + i % 8, i + 1),
  chosen: ids(5 + i % 7, 3),
  rejected: ids(4 + i % 9, 5),
}));
const given = {
  config,
  tokenizer: trainTokenizer([], { vocabSize: 259, specialTokens: ["<|end|>", "<|user|>", "<|assistant|>"] }),
  policy: initDecoder(key(1), config),
  rows,
  heldOutRows: [],
};

/** The weights that DPO leaves, as bits. */
async function trained(threads: number): Promise<readonly string[]> {
  await openKernels({ threads });
  const dpo = pipeline("dpo", [freezeRef(), refLogps(), dpoUpdate({ beta: 0.1, lr: 1e-2, batchSize: 24, epochs: 6 })]);
  const ended = await finish(run(dpo, { seed: 1, given }));
  assert(ended._tag === "Right", JSON.stringify(ended));
  return leaves(ended.right.policy).map(([, { data }]) => new Uint32Array(Float32Array.from(data).buffer).join());
}

Deno.test("a whole DPO run leaves the same bits on 1, 2 and 4 threads", async () => {
  const one = await trained(1);
  assertEquals(await trained(2), one);
  assertEquals(await trained(4), one);
  await openKernels({ threads: defaultThreads() });
});

const mayRun = (await Deno.permissions.query({ name: "run" })).state === "granted";

Deno.test({
  name: "beside programs that hold every core a run on threads comes to its end, and to the same bits",
  ignore: !mayRun,
  fn: async () => {
    const one = await trained(1);
    const hogs = Array.from(
      { length: defaultThreads() },
      () => new Deno.Command(Deno.execPath(), { args: ["eval", "for (;;);"], stdout: "null", stderr: "null" }).spawn(),
    );
    try {
      for (const threads of [2, 4]) assertEquals(await trained(threads), one, `${threads} threads`);
    } finally {
      for (const hog of hogs) hog.kill("SIGKILL");
      await Promise.all(hogs.map(({ status }) => status));
      await openKernels({ threads: defaultThreads() });
    }
  },
});

/** Runs a program that works in `threads` threads with no permission, and tells how many milliseconds it took to end. */
async function endOf(threads: number, size: number): Promise<number> {
  const root = new URL("../../", import.meta.url);
  const program = `
    import { openKernels } from "${root}lib/kernels/provider.ts";
    import { linear, tensor } from "${root}mod.ts";
    await openKernels({ threads: ${threads} });
    const x = tensor([${size}, ${size}], new Float32Array(${size * size}).fill(1));
    for (let i = 0; i < ${size > 100 ? 20 : 1}; i++) linear(x, x);
    console.log(Date.now());`;
  const args = ["run", "--no-check", "--config", new URL("deno.json", root).pathname, "-"];
  const process = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { code, stdout, stderr } = await process.output();
  const ended = Date.now();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return ended - Number(new TextDecoder().decode(stdout));
}

Deno.test({
  name: "a program that multiplies and ends, ends at once, whether its threads were started or not",
  ignore: !mayRun,
  fn: async () => {
    for (const [threads, size] of [[4, 8], [4, 500]] as const) assertLess(await endOf(threads, size), 2000);
  },
});
