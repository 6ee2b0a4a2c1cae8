/** What the README says of speed beside PyTorch, as a function of `peers.json`. */
import type { Row } from "../bench/contest.ts";

/** `peers.json`: what was measured, on what and with what. */
export interface SpeedEvidence {
  readonly command: string;
  readonly cpu: string;
  readonly cores: number;
  readonly deno: string;
  readonly torch: string;
  readonly transformers: string;
  readonly trl: string;
  /** Processes that wanted a core, over the last minutes, before and after. */
  readonly load: readonly number[];
  readonly loadAfter: readonly number[];
  /** What else is to be known of how it was measured. */
  readonly note?: string;
  readonly rows: readonly Row[];
}

const SHAPES = { S: "5 M parameters", M: "135 M parameters" };

const rate = (x: number): string => x.toLocaleString("en", { maximumFractionDigits: x < 100 ? 1 : 0 });

/**
 * Works as one table, a row for each contestant of any of them: rates, and their ratios to the best of those whose name
 * begins with `base`, which come first.
 */
function tableOf(title: string, works: readonly Row[], base: string): readonly string[] {
  const fullest = works.toSorted((a, b) => b.figures.length - a.figures.length)[0]!;
  const all = [...new Set([fullest, ...works].flatMap(({ figures }) => figures.map(({ name }) => name)))];
  const names = [true, false].flatMap((isBase) => all.filter((name) => name.startsWith(base) === isBase));
  const bests = works.map(({ figures }) =>
    Math.max(...figures.filter(({ name }) => name.startsWith(base)).map(({ median }) => median))
  );
  const head = works.map(({ work, rounds }) => {
    const [, shape, size] = work.split(", ");
    return `${SHAPES[shape as keyof typeof SHAPES]}, ${size}; ${rounds === 1 ? "a turn" : `${rounds} turns`}`;
  });
  const cell = (name: string) => ({ figures }: Row, i: number): string => {
    const median = figures.find((figure) => figure.name === name)?.median;
    return median === undefined ? "" : `${rate(median)} (${(median / bests[i]!).toFixed(2)}×)`;
  };
  return [
    `| ${[title, ...head].join(" | ")} |`,
    `|${"---|".repeat(works.length + 1)}`,
    ...names.map((name) =>
      `| ${[name.startsWith("ours") ? `**${name}**` : name, ...works.map(cell(name))].join(" | ")} |`
    ),
  ];
}

/** The block of the README, as Markdown. */
export function speedBlock(evidence: SpeedEvidence): string {
  const { command, cpu, cores, deno, torch, transformers, trl, load, loadAfter, note, rows } = evidence;
  const of = (kind: string): readonly Row[] => rows.filter(({ work }) => work.startsWith(kind));
  const busy = [load[0]!, loadAfter[0]!].map((x) => x.toFixed(0)).join(" and ");
  return [
    `${cpu}, ${cores} cores, deno ${deno}, torch ${torch}, transformers ${transformers}, TRL ${trl}; \`${command}\`. ` +
    `Contestants took turns; in brackets the ratio to the best of PyTorch's own. ` +
    `The machine had other work (load ${busy} before and after), so compare within a column.${
      note === undefined ? "" : ` ${note}`
    }`,
    "",
    ...tableOf("DPO, real tokens a second in the median step", of("DPO"), "PyTorch"),
    "",
    ...tableOf("generation, tokens a second", of("generation"), "Hugging Face"),
  ].join("\n");
}
