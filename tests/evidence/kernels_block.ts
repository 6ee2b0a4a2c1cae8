/** What the README says of the kernels' products, as a function of `kernels.json`. */
import type { Row } from "../bench/contest.ts";
import type { Machine } from "../bench/machine.ts";

/** `kernels.json`: what `kernels_bench.ts --json` prints. */
export interface KernelEvidence extends Machine {
  readonly command: string;
  readonly loadAfter: readonly number[];
  /** Multiply-adds in registers, GFLOP/s. */
  readonly peak: readonly Row[];
  /** Products' shares of the peak. */
  readonly shares: readonly Row[];
  /** Products by packages for TypeScript, GFLOP/s. */
  readonly compared: readonly Row[];
  /** Milliseconds until the first product may begin. */
  readonly start: readonly Row[];
}

const OURS = "wasm 1";
const FORMS = /^(.*) ([NT]{2})$/;

const percent = (x: number): string => `${(100 * x).toFixed(0)} %`;
const medianOf = ({ figures }: Row, name: string): number => figures.find((figure) => figure.name === name)!.median;

/** Sizes as rows, threads as columns: the shares of all forms. */
function sharesTable(shares: readonly Row[]): readonly string[] {
  const threads = shares[0]!.figures.map(({ name }) => name);
  const sizes = [...new Set(shares.map(({ work }) => FORMS.exec(work)![1]!))];
  const forms = [...new Set(shares.map(({ work }) => FORMS.exec(work)![2]!))];
  const cell = (size: string, name: string): string =>
    forms.map((form) => percent(medianOf(shares.find(({ work }) => work === `${size} ${form}`)!, name))).join(", ");
  return [
    `| of the peak: ${forms.join(", ")} | ${threads.join(" | ")} |`,
    `|${"---|".repeat(threads.length + 1)}`,
    ...sizes.map((size) => `| ${[size, ...threads.map((name) => cell(size, name))].join(" | ")} |`),
  ];
}

/** The least that ours are faster than `peers` in the works that `are`. */
function least(compared: readonly Row[], peers: readonly string[], are: (work: string) => boolean): string {
  const ratios = compared.filter(({ work }) => are(work)).flatMap((row) =>
    peers.map((peer) => medianOf(row, OURS) / medianOf(row, peer))
  );
  return `${Math.min(...ratios).toFixed(1)}×`;
}

/** The block of the README, as Markdown. */
export function kernelsBlock(evidence: KernelEvidence): string {
  const { command, cpu, cores, deno, load, loadAfter, peak, shares, compared, start } = evidence;
  const speeds = peak[0]!.figures.map(({ name, median }) => `${median.toFixed(0)} GFLOP/s on ${name}`).join(" and ");
  const peers = compared[0]!.figures.map(({ name }) => name).filter((name) => name !== OURS && name !== "reference");
  const isSmall = (work: string): boolean => Math.max(...work.match(/\d+/g)!.map(Number)) <= 64;
  const [importing, emitting] = start[0]!.figures.map(({ median }) => median.toFixed(0));
  return [
    `${cpu}, ${cores} cores, deno ${deno}, load ${load[0]!.toFixed(0)} before and ${loadAfter[0]!.toFixed(0)} after; ` +
    `\`${command}\`. The peak is a loop of 128-bit multiply-adds in registers, ${speeds}; it is measured before and ` +
    `after each product, on as many threads, and a figure is the median share over ${shares[0]!.rounds} turns.`,
    "",
    ...sharesTable(shares),
    "",
    `On one thread, products of up to 64³ are at least ${least(compared, peers, isSmall)} as fast as by ` +
    `${peers.join(" or ")}, and transposed ones of up to 512³ at least ` +
    `${least(compared, ["tfjs-wasm"], (work) => !work.endsWith("NN"))} as by tfjs-wasm. Importing \`mod.ts\` takes ` +
    `${importing} ms, emitting and compiling all kernels ${emitting} ms.`,
  ].join("\n");
}
