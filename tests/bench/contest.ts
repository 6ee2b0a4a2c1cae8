/** Contestants take turns in one run, so that what else the machine does falls on all of them alike. */

/** Who does the work, and how. */
export interface Contestant {
  readonly name: string;
  /** Does it for a while; the rates, in units a second. */
  readonly turn: () => readonly number[] | Promise<readonly number[]>;
}

/** Some work, and who does it. */
export interface Work {
  readonly name: string;
  readonly unit: string;
  readonly contestants: readonly Contestant[];
}

/** What came of a contestant: the median of its rates, and its quartiles. */
export interface Figure {
  readonly name: string;
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

/** What came of a work. */
export interface Row {
  readonly work: string;
  readonly unit: string;
  /** How many turns each had. */
  readonly rounds: number;
  readonly figures: readonly Figure[];
}

/** The value below which a share of the sorted values lies, between two of them where it must. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return low + (place % 1) * (high - low);
}

/** Lets all contestants take turns. */
export async function contest({ name, unit, contestants }: Work, rounds: number): Promise<Row> {
  const rates: number[][] = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { turn }] of contestants.entries()) rates[i]!.push(...await turn());
  }
  const figures = contestants.map(({ name }, i) => {
    const sorted = rates[i]!.toSorted((x, y) => x - y);
    return { name, median: quantile(sorted, 0.5), lower: quantile(sorted, 0.25), upper: quantile(sorted, 0.75) };
  });
  return { work: name, unit, rounds, figures };
}

const round = (x: number): string =>
  x.toLocaleString("en", { maximumFractionDigits: x < 10 ? 2 : x < 100 ? 1 : 0, useGrouping: true });

/** Rows as a table: each contestant's median, half the distance of its quartiles, and its ratio to `base`. */
export function tableOf(rows: readonly Row[], base: string): string {
  const names = [...new Set(rows.flatMap(({ figures }) => figures.map(({ name }) => name)))];
  const cells = rows.map(({ work, unit, figures }) => {
    const one = figures.find(({ name }) => name === base)?.median ?? NaN;
    return [
      `${work}, ${unit}`,
      ...names.map((name) => {
        const figure = figures.find((figure) => figure.name === name);
        if (figure === undefined) return "";
        const { median, lower, upper } = figure;
        const spread = `±${(50 * (upper - lower) / median).toFixed(0)}%`;
        return `${round(median)} ${spread.padStart(4)}${`${(median / one).toFixed(2)}×`.padStart(7)}`;
      }),
    ];
  });
  const lines = [["", ...names], ...cells];
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines.map((line) =>
    line.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]! + 2)).join("")
  )
    .join("\n");
}
