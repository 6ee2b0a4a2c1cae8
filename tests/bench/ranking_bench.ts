/**
 * Rankings against the clock: `deno run -A tests/bench/ranking_bench.ts [python with choix and evalica]`.
 *
 * Synthetic problems A (200 items, 50,000 games, ties and order effect) and B (5,000 items, 2,000,000 games) come from
 * `../shared/reference/bt/synth.mjs`. Times are medians of warm runs in this one run, from typed-array counts to strengths;
 * the peers get arrays of single games, as their interfaces want them.
 */
import llmfao from "../../fixtures/ranking/llmfao.json" with { type: "json" };
import {
  bootstrap,
  comparisonReader,
  type Comparisons,
  comparisons,
  fitStrengths,
  key,
  mergeComparisons,
  strengthErrors,
  type StrengthFit,
  type StrengthModel,
  table,
} from "../../mod.ts";

const BT = new URL("../../../shared/reference/bt/", import.meta.url);

interface Problem {
  readonly P: { readonly n: number; readonly m: number };
  /** Quadruples i, j, z, outcome: 1 = i won, 0 = j won, 2 = tie. */
  readonly data: Int32Array;
}

const found = await Deno.stat(new URL("synth.mjs", BT)).then(() => true, () => false);
if (!found) {
  console.log("Skipped: the synthetic problems A and B need ../shared/reference/bt/synth.mjs beside the checkout");
  Deno.exit(0);
}
const { problem } = await import(new URL("synth.mjs", BT).href) as { problem: (which: "A" | "B") => Problem };
const answer = async (name: string): Promise<ArrayLike<number>> => {
  const { fits, log_ability_sum_zero } = JSON.parse(await Deno.readTextFile(new URL(`${name}.json`, BT)));
  return log_ability_sum_zero ?? fits.davidson_order.log_ability_sum_zero;
};

/** The games as merged counts; without ties and order, decided games only. */
function countsOf({ P, data }: Problem, full: boolean): Comparisons {
  const games = Array.from({ length: P.m }, (_, q) => q).filter((q) => full || data[4 * q + 3] !== 2);
  const outcome = (o: number): number[] => games.map((q) => data[4 * q + 3] === o ? 1 : 0);
  return mergeComparisons(comparisons({
    items: Array.from({ length: P.n }, (_, i) => `${i}`),
    first: games.map((q) => data[4 * q]!),
    second: games.map((q) => data[4 * q + 1]!),
    winsFirst: outcome(1),
    winsSecond: outcome(0),
    ties: outcome(2),
    order: games.map((q) => full ? data[4 * q + 2]! : 0),
  }));
}

const WARM = 40; // calls until all code of a call of milliseconds is compiled

/** Median milliseconds of `runs` calls after warm ones (two of long calls, none of a single one), and the last result. */
function timed<T>(runs: number, body: () => T): { readonly ms: number; readonly result: T } {
  const times: number[] = [];
  let result = body();
  for (let k = runs > 10 ? WARM : runs > 1 ? 1 : 0; k > 0; k--) body();
  for (let k = 0; k < runs; k++) {
    const began = performance.now();
    result = body();
    times.push(performance.now() - began);
  }
  return { ms: times.sort((a, b) => a - b)[runs >> 1]!, result };
}

function fit(data: Comparisons, model: StrengthModel = {}): StrengthFit {
  const result = fitStrengths(data, model);
  if (result._tag === "Left") throw new Error(result.left.message);
  return result.right;
}

const errorOf = (strengths: ArrayLike<number>, exact: ArrayLike<number>): number =>
  Array.from(exact).reduce((m, x, i) => Math.max(m, Math.abs(strengths[i]! - x)), 0);

const rows: [string, string, string, string][] = [];
function say(what: string, who: string, ms: number, note: string): void {
  rows.push([what, who, ms < 100 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`, note]);
}

/** Times the peers on the single decided games of a problem; nothing without a Python that has them. */
async function peers(which: "A" | "B", exact: ArrayLike<number>): Promise<void> {
  const python = Deno.args[0];
  if (python === undefined) return;
  const { P, data } = problem(which);
  const path = await Deno.makeTempFile();
  await Deno.writeFile(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const { stdout } = await new Deno.Command(python, { args: ["-c", PEERS, path, `${P.n}`] }).output();
  await Deno.remove(path);
  for (const line of new TextDecoder().decode(stdout).trim().split("\n")) {
    const { peer, seconds, strengths } = JSON.parse(line) as { peer: string; seconds: number; strengths: number[] };
    say(`${which}, decided games`, peer, 1000 * seconds, `max error ${errorOf(strengths, exact).toExponential(1)}`);
  }
}

const PEERS = `
import sys, time, json, numpy as np
raw = np.fromfile(sys.argv[1], "<i4").reshape(-1, 4); raw = raw[raw[:, 3] != 2]; n = int(sys.argv[2])
i, j, won = raw[:, 0], raw[:, 1], raw[:, 3] == 1
def report(peer, fit, runs):
    times = []
    for _ in range(runs + (runs > 1)):
        t = time.perf_counter(); l = np.asarray(fit(), float); times.append(time.perf_counter() - t)
    times = sorted(times[runs > 1:])
    print(json.dumps(dict(peer=peer, seconds=times[len(times) // 2], strengths=(l - l.mean()).tolist())), flush=True)
try:
    import evalica
    xs, ys, wn = i.tolist(), j.tolist(), [evalica.Winner.X if w else evalica.Winner.Y for w in won]
    run = lambda tol, lim: lambda: np.log(evalica.bradley_terry(xs, ys, wn, tolerance=tol, limit=lim).scores.sort_index().to_numpy())
    report("evalica (Rust), defaults", run(1e-6, 100), 3)
    report("evalica (Rust), tolerance 1e-10", run(1e-10, 10000), 3)
except ImportError: pass
try:
    import choix
    games = list(zip(np.where(won, i, j).tolist(), np.where(won, j, i).tolist()))
    report("choix ilsr_pairwise", lambda: choix.ilsr_pairwise(n, games), 3 if n < 1000 else 1)
    if n < 1000:
        counts = np.zeros((n, n)); np.add.at(counts, (np.where(won, i, j), np.where(won, j, i)), 1)
        report("choix ilsr_pairwise_dense", lambda: choix.ilsr_pairwise_dense(counts), 21)
except ImportError: pass
`;

/** Rows of votes on a thousand items as CSV, in pieces of about a megabyte. */
function* votes(count: number): Generator<string> {
  let piece = "item_a,item_b,winner\n";
  for (let k = 0, x = 1; k < count; k++) {
    x = Math.imul(x, 1664525) + 1013904223 >>> 0;
    const i = (x >>> 8) % 1000, j = (i + 1 + (x >>> 20) % 999) % 1000;
    piece += `model-${i},model-${j},${(x >>> 5) % 1000 < 500 + (j - i) / 4 ? "a" : "b"}\n`;
    if (piece.length > 1e6) {
      yield piece;
      piece = "";
    }
  }
  yield piece;
}

const a = countsOf(problem("A"), false), exactA = await answer("synthA.decided");
const plain = timed(41, () => fit(a));
say("A, decided games", "logratio", plain.ms, `max error ${errorOf(plain.result.logAbility, exactA).toExponential(1)}`);
await peers("A", exactA);

const full = countsOf(problem("A"), true), exactFull = await answer("synthA.results");
const davidson = timed(21, () => fit(full, { ties: "davidson", order: true }));
const davidsonError = errorOf(davidson.result.logAbility, exactFull).toExponential(1);
say("A, Davidson with order effect", "logratio", davidson.ms, `max error ${davidsonError}`);

const b = countsOf(problem("B"), false), exactB = await answer("synthB.decided");
const large = timed(5, () => fit(b));
say("B, decided games", "logratio", large.ms, `max error ${errorOf(large.result.logAbility, exactB).toExponential(1)}`);
await peers("B", exactB);

const errors = timed(1, () => strengthErrors(key(1), large.result));
say(
  "B, all 5,000 standard errors",
  "logratio",
  errors.ms,
  `probing, relative error ${errors.result.relativeError.toExponential(1)}`,
);

const column = (k: number): number[] => llmfao.comparisons.map((row) => row[k]!);
const crowd = fit(comparisons({
  items: llmfao.items,
  first: column(0),
  second: column(1),
  winsFirst: column(2),
  winsSecond: column(3),
  ties: column(4),
}));
const resampled = timed(1, () => bootstrap(key(1), crowd, { rounds: 1000 }));
say("llmfao, 1,000 bootstrap rounds", "logratio", resampled.ms, `${resampled.result.degenerate.length} degenerate`);

const count = 10_000_000;
const streamed = timed(1, () => {
  const reader = comparisonReader();
  for (const piece of votes(count)) reader.push(piece);
  const read = reader.end();
  if (read._tag === "Left" || read.right.data.type !== "comparisons") throw new Error("the votes could not be read");
  return fit(read.right.data.comparisons);
});
const memory = Math.round(Deno.memoryUsage().rss / 2 ** 20);
const rate = (count / streamed.ms / 1000).toFixed(2);
say(
  "10,000,000 CSV rows read, added up, fitted",
  "logratio",
  streamed.ms,
  `${rate} million rows/s, ${memory} MiB resident`,
);

console.log(table(["problem", "who", "time", "note"], rows));
