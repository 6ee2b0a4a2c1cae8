/** One contestant of ours in one process, with the jobs and the figures of `peers.py`. */
import { dpoUpdate, freezeRef, generate, initDecoder, key, openKernels, pipeline, refLogps } from "../../../mod.ts";
import { trainTokenizer } from "../../../lib/data/train_tokenizer.ts";
import type { KernelOptions } from "../../../lib/kernels/provider.ts";
import { pairs, realTokensOf, shapes, stepRates, tokens } from "../workload.ts";

/** What is to be done. */
export interface OurJob {
  readonly kind: "dpo" | "generate";
  readonly shape: keyof typeof shapes;
  readonly kernels: KernelOptions;
  readonly pairs: number;
  readonly steps: number;
  readonly batch: number;
  readonly new: number;
}

const job = JSON.parse(Deno.args[0]!) as OurJob;
const config = shapes[job.shape];
const policy = initDecoder(key(1), config);
await openKernels(job.kernels);

async function dpo(): Promise<{ readonly rates: readonly number[]; readonly firstLoss: number }> {
  const rows = pairs(job.shape, job.pairs * job.steps);
  const order = { batchSize: job.pairs, epochs: 1, shuffle: false };
  const update = dpoUpdate({ beta: 0.1, lr: 1e-6, ...order });
  const stage = pipeline("dpo", [freezeRef(), refLogps(), update]);
  const tokenizer = trainTokenizer([], { vocabSize: 259, specialTokens: ["<|end|>", "<|user|>", "<|assistant|>"] });
  const given = { config, policy, rows, heldOutRows: [], tokenizer };
  const losses: number[] = [];
  const units = realTokensOf(rows, job.pairs);
  const rates = await stepRates(stage, given, units, (_, loss) => void losses.push(loss));
  return { rates, firstLoss: losses[0]! };
}

function generated(): { readonly rates: readonly number[]; readonly firstLoss: null } {
  const prompts = Array.from({ length: job.batch }, (_, i) => tokens(`prompt ${i}`, 32, config));
  const rate = (): number => {
    const began = performance.now();
    generate({ config, params: policy }, prompts, { key: key(0), eos: -1, maxNewTokens: job.new });
    return 1000 * job.batch * job.new / (performance.now() - began);
  };
  return { rates: Array.from({ length: 1 + job.steps }, rate).slice(1), firstLoss: null };
}

console.log(JSON.stringify(job.kind === "dpo" ? await dpo() : generated()));
