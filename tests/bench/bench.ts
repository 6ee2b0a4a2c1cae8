/**
 * Everything against the clock in one table, as `deno task bench` prints it: products beside the reference and other
 * packages for TypeScript, a step of DPO and of a reward model, scoring and generation by each provider. Contestants
 * take turns; a cell is the median, half the distance between its quartiles, and the ratio to one thread of ours.
 *
 *     deno run -A --no-lock tests/bench/bench.ts [--json] [--rounds 3] [--blas FILE] [--onednn FILE] [--only dpo]
 */
import { parseArgs } from "@std/cli";
import { dpoUpdate, exampleOf, generate, initDecoder, initReward, key, logpsOf, rewardUpdate } from "../../mod.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import type { KernelOptions } from "../../lib/kernels/provider.ts";
import { contest, tableOf, type Work } from "./contest.ts";
import { openPeers } from "./peers_js.ts";
import { forms, type Product, productWork } from "./products.ts";
import { byAll, openProviders } from "./providers.ts";
import { pairs, realTokens, realTokensOf, shapes, stepRates, tokens } from "./workload.ts";

const flags = parseArgs(Deno.args, {
  string: ["rounds", "blas", "onednn", "only"],
  boolean: ["json"],
  default: { rounds: "3" },
}) as unknown as
  & { readonly json: boolean; readonly rounds: string }
  & Partial<Record<"blas" | "onednn" | "only", string>>;
const config = shapes.S;
const [pairsInStep, steps] = [16, 4];

const rows = pairs("S", pairsInStep * steps);
const policy = initDecoder(key(1), config);
const tokenizer = trainTokenizer([], { vocabSize: 259, specialTokens: ["<|end|>", "<|user|>", "<|assistant|>"] });
const given = { config, policy, tokenizer, rows, heldOutRows: [] };

/** The rate of a call, the first to make all ready being dropped. */
function rateOf(units: number, call: () => unknown): readonly number[] {
  call();
  const start = performance.now();
  call();
  return [1000 * units / (performance.now() - start)];
}

function wholeWorks(found: readonly KernelOptions[]): readonly Work[] {
  const options = { lr: 1e-4, batchSize: pairsInStep, epochs: 1, shuffle: false };
  const reward = { ...initReward(key(2), policy), mean: 0, deviation: 1 };
  const dpo = (): Promise<readonly number[]> =>
    stepRates(
      dpoUpdate({ ...options, beta: 0.1 }),
      { ...given, refLogps: new Float64Array(2 * rows.length) },
      realTokensOf(rows, pairsInStep),
    );
  const fit = (): Promise<readonly number[]> =>
    stepRates(rewardUpdate(options), { ...given, reward, fitRows: rows }, () => pairsInStep);
  const scored = rows.slice(0, pairsInStep);
  const examples = scored.map(exampleOf);
  const generated = (batch: number, maxNewTokens = 48): Work => {
    const prompts = Array.from({ length: batch }, (_, i) => tokens(`prompt ${i}`, 32, config));
    const call = (): unknown => generate({ config, params: policy }, prompts, { key: key(0), eos: -1, maxNewTokens });
    const contestants = byAll(found, () => rateOf(batch * maxNewTokens, call));
    return { name: `generation, ${batch} at a time`, unit: "tokens/s", contestants };
  };
  const score = (): readonly number[] => rateOf(realTokens(scored), () => logpsOf(policy, config, examples));
  return [
    { name: "dpo step, 16 pairs", unit: "real tokens/s", contestants: byAll(found, dpo) },
    { name: "reward step, 16 pairs", unit: "pairs/s", contestants: byAll(found, fit) },
    { name: "scoring, 16 pairs", unit: "real tokens/s", contestants: byAll(found, score) },
    generated(1),
    generated(16),
  ];
}

const { found, missing } = await openProviders(flags);
const { peers, missing: missingPeers } = await openPeers();
const sizes: readonly Product["sizes"][] = [[64, 64, 64], [512, 512, 512], [2048, 688, 256]];
const works = [
  ...sizes.flatMap((sizes) => forms.map((form) => productWork({ sizes, form }, found, peers))),
  ...wholeWorks(found),
].filter(({ name }) => flags.only === undefined || name.includes(flags.only));

const done = [];
for (const work of works) done.push(await contest(work, Number(flags.rounds)));
const remarks = [...missing, ...missingPeers];
if (flags.json) console.log(JSON.stringify({ rounds: Number(flags.rounds), rows: done, remarks }));
else console.log([tableOf(done, "wasm 1"), ...remarks].join("\n"));
Deno.exit(); // other packages' workers would keep the program alive
