/**
 * The same work by PyTorch and by ours, side by side: DPO steps by TRL as its documentation shows it, by TRL's best
 * setting, by the loop an expert writes and by every provider of ours, and generation by Hugging Face and by ours, for a
 * model of 5 million parameters (S) and one of 135 million (M).
 *
 *     deno run -A tests/bench/peers/peers_bench.ts --venv ~/peers [--rounds 2] [--only S] [--json tests/evidence/peers.json]
 *
 * The virtual environment is made and filled from PyPI (torch, transformers, trl: some 6 GB) unless it is there. Every
 * contestant is a process of its own and they take turns, so that what else the machine does falls on all alike. glibc
 * gives memory back to the system and asks for it again, which makes PyTorch two to three times slower on machines where
 * that is dear: all but "as documented" run with the allocator told to keep it.
 */
import { parseArgs } from "@std/cli";
import { defaultThreads } from "../../../lib/kernels/provider.ts";
import { contest, type Contestant, type Row, tableOf, type Work } from "../contest.ts";
import { type Machine, machine } from "../machine.ts";
import { pairs, shapes } from "../workload.ts";

const flags = parseArgs(Deno.args, {
  string: ["venv", "rounds", "only", "json", "blas", "onednn"],
  default: { venv: "peers-venv", rounds: "2", only: "" },
}) as unknown as Readonly<Record<"venv" | "rounds" | "only", string>> & Partial<Record<"json" | Backend, string>>;

type Backend = "blas" | "onednn";
type Shape = "S" | "M";

const HERE = new URL("./", import.meta.url);
const threads = defaultThreads();
const KEEP_MEMORY = { MALLOC_MMAP_MAX_: "0", MALLOC_TRIM_THRESHOLD_: "100000000000", MALLOC_TOP_PAD_: "500000000" };

/** What a program prints, or an error with what it says. */
async function output(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], env: { ...env } }).output();
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${new TextDecoder().decode(stderr).slice(-600)}`);
  return new TextDecoder().decode(stdout);
}

const python = `${flags.venv}/bin/python`;
async function install(): Promise<void> {
  if (await Deno.stat(python).then(() => true, () => false)) return;
  console.error(`Making ${flags.venv} with torch, transformers and trl; this takes minutes`);
  await output("python3", ["-m", "venv", flags.venv]);
  await output(`${flags.venv}/bin/pip`, ["install", "--quiet", "torch", "transformers", "trl"]);
}

/** A contestant whose turns are processes that print their rates. */
function inProcess(
  name: string,
  command: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Contestant {
  return {
    name,
    turn: async () => {
      const { rates, firstLoss } = JSON.parse((await output(command, args, env)).trim().split("\n").at(-1)!);
      console.error(`${name}: ${rates.map((rate: number) => rate.toFixed(1)).join(" ")}, first loss ${firstLoss}`);
      if (firstLoss !== null && Math.abs(firstLoss - Math.LN2) > 0.01) throw new Error(`${name} does other work`);
      return rates;
    },
  };
}

/** A shape as Hugging Face's config has it. */
function configOf(shape: Shape): object {
  const { vocabSize, hiddenSize, layers, attention: { heads, kvHeads }, mlp } = shapes[shape];
  return {
    ...{ vocab_size: vocabSize, hidden_size: hiddenSize, intermediate_size: mlp.size, num_hidden_layers: layers },
    ...{ num_attention_heads: heads, num_key_value_heads: kvHeads, rms_norm_eps: 1e-5 },
  };
}

const theirs = (name: string, job: object, env: Readonly<Record<string, string>> = KEEP_MEMORY): Contestant =>
  inProcess(name, python, [new URL("peers.py", HERE).pathname, JSON.stringify({ threads, ...job })], env);

const ours = (job: object, shape: Shape): readonly Contestant[] =>
  (["wasm", "blas", "onednn"] as const).map((backend) => {
    const library = backend === "wasm" ? undefined : flags[backend];
    const kernels = { backend, threads, ...library !== undefined && { library } };
    return inProcess(`ours, ${backend}`, Deno.execPath(), [
      ...["run", "-A", "--no-check", new URL("ours.ts", HERE).pathname],
      JSON.stringify({ ...job, shape, kernels }),
    ]);
  });

/** Steps of DPO, the first of which is dropped. */
function dpoWork(shape: Shape, size: number, steps: number): Work {
  const lengths = pairs(shape, size * steps).map(({ prompt, chosen, rejected }) =>
    [prompt, chosen, rejected].map(({ length }) => length)
  );
  const job = { config: configOf(shape), lengths, pairs: size, steps };
  const best = { gradient_checkpointing: false, precompute_ref_log_probs: true };
  return {
    name: `DPO, ${shape}, ${size} pairs a step`,
    unit: "real tokens/s",
    contestants: [
      theirs("TRL as documented", { ...job, kind: "trl" }, {}),
      theirs("TRL, best setting", { ...job, kind: "trl", options: { ...best, bf16: true } }),
      ...shape === "M" ? [theirs("TRL, f32", { ...job, kind: "trl", options: { ...best, bf16: false } })] : [],
      theirs("PyTorch loop, f32", { ...job, kind: "bare", dtype: "f32" }),
      theirs("PyTorch loop, bf16", { ...job, kind: "bare", dtype: "bf16" }),
      ...ours({ kind: "dpo", pairs: size, steps }, shape),
    ],
  };
}

/**
 * Replies of 48 tokens to prompts of 32, `steps` batches of them and one before that is dropped: engines compile what is
 * called often anew, and rates settle after some hundred tokens.
 */
function generateWork(shape: Shape, batch: number, steps: number): Work {
  const job = { kind: "generate", batch, new: 48, steps };
  return {
    name: `generation, ${shape}, ${batch} at a time`,
    unit: "tokens/s",
    contestants: [
      theirs("Hugging Face, f32", { ...job, config: configOf(shape), dtype: "f32" }),
      theirs("Hugging Face, bf16", { ...job, config: configOf(shape), dtype: "bf16" }),
      ...ours(job, shape),
    ],
  };
}

/** What the figures were taken on, and with. */
async function setting(): Promise<Machine> {
  const versions = "import json, torch, transformers, trl; " +
    "print(json.dumps({m.__name__: m.__version__ for m in (torch, transformers, trl)}))";
  return {
    ...await machine(),
    ...JSON.parse((await output(python, ["-c", versions])).trim().split("\n").at(-1)!),
  };
}

await install();
const works = [
  dpoWork("S", 16, 3),
  generateWork("S", 1, 8),
  generateWork("S", 16, 8),
  dpoWork("M", 2, 3),
  generateWork("M", 1, 1),
  generateWork("M", 16, 1),
].filter(({ name }) => name.includes(flags.only));
const before = await setting();
const command = `deno run -A tests/bench/peers/peers_bench.ts${flags.only === "" ? "" : ` --only "${flags.only}"`}`;
const rows: Row[] = [];
for (const work of works) {
  rows.push(await contest(work, Number(flags.rounds)));
  console.log(tableOf(rows.slice(-1), "ours, wasm"));
  const evidence = { command, ...before, loadAfter: (await setting()).load, rows };
  if (flags.json !== undefined) await Deno.writeTextFile(flags.json, `${JSON.stringify(evidence, null, 1)}\n`);
}
