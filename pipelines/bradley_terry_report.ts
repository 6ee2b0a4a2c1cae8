/** The ranking as one HTML page: a forest of strengths, who beats whom, how well the model fits. Light and dark. */
import {
  attempt,
  type Failure,
  fixed,
  inputFailure,
  percent,
  preferenceLabels,
  type Result,
  right,
  type SettingValues,
  type Stage,
  type StrengthFit,
  worstPairs,
} from "../mod.ts";
import type { settings } from "./bradley_terry.ts";
import { remarks } from "./bradley_terry_remarks.ts";
import { document, headline, type Line, linesOf, type Ranked } from "./bradley_terry_summary.ts";

/** Writes `report.html` and `ranking.json` into the folder of `--out`, if there is one. */
export function writeReport(
  { out }: SettingValues<typeof settings.fields>,
): Stage<Ranked, { readonly written: boolean }> {
  return attempt("writeReport", async (state: Ranked): Promise<Result<Failure, { readonly written: boolean }>> => {
    if (out === null) return right({ written: false });
    if ((await Deno.permissions.query({ name: "write", path: out })).state !== "granted") {
      return inputFailure(
        `Cannot write to ${out} as Deno has no permission to: run it again with -W (or --allow-write=${out}) before the script`,
      );
    }
    try {
      await Deno.mkdir(out, { recursive: true });
      await Deno.writeTextFile(`${out}/report.html`, reportPage(state));
      await Deno.writeTextFile(`${out}/ranking.json`, JSON.stringify(document(state, linesOf(state)), null, 2) + "\n");
      return right({ written: true });
    } catch (error) {
      return inputFailure(
        `Cannot write to ${out} as the system could not: ${error instanceof Error ? error.message : error}`,
      );
    }
  }, { adds: ["written"] });
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const safe = (text: string): string => text.replace(/[&<>"']/g, (c) => ESCAPES[c]!);
const short = (text: string, width = 30): string => safe(text.length > width ? `${text.slice(0, width - 1)}…` : text);

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2330; --soft: #68707f; --line: #d9dde4; --page: #fff; --mark: #2563b8; --best: #0a7d4f }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec; --soft: #98a1b0; --line: #343b48; --page: #14181f; --mark: #77aef2; --best: #4cc38a } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem } p, li { max-width: 46rem } .soft { color: var(--soft) }
svg { max-width: 100%; height: auto } text { font: 11px system-ui, sans-serif; fill: var(--ink) } .quiet { fill: var(--soft) }
table { border-collapse: collapse } th, td { text-align: left; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid var(--line) }`;

/** The whole page. */
export function reportPage(state: Ranked): string {
  const lines = linesOf(state), [what, source] = headline(state).split("\n");
  const { fit } = state;
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Ranking of ${lines.length} items</title><style>${STYLE}</style>
<h1>Ranking</h1><p>${safe(what!)}<br><span class="soft">${safe(source!)}</span></p>
<ul>${remarks(state, lines).map((remark) => `<li>${safe(remark)}</li>`).join("")}</ul>
<h2>Strengths</h2><p class="soft">Dots are estimates, lines ${
    percent(state.shown.level, 0)
  } intervals, bars the ranks not ruled out.
Green: not told apart from the best.</p>${forest(state, lines)}
${
    fit === null
      ? ""
      : `<h2>Who beats whom</h2><p class="soft">Above the diagonal what the model expects of the row against the column, below what was
seen (empty: never met). Blue wins, red loses.</p>${matrix(fit, lines)}
<h2>Calibration</h2><p class="soft">Pairs by expected share of points, against the share seen; a perfect model lies on the line.</p>${
        calibration(fit)
      }
${misfits(state)}`
  }
</html>
`;
}

/** Strengths with intervals, and ranks with theirs, one line an item. */
function forest({ ranks, items, shown }: Ranked, all: readonly Line[]): string {
  const lines = all.filter((l) => l.rating !== null).slice(0, MOST_ROWS),
    row = 18,
    top = 24,
    digits = shown.scale === "elo" ? 0 : 2;
  const low = Math.min(...lines.map((l) => l.ratingLow!)), high = Math.max(...lines.map((l) => l.ratingHigh!));
  const x = (rating: number): number => 240 + 360 * (rating - low) / (high - low || 1);
  const r = (rank: number): number => 690 + 190 * (rank - 1) / Math.max(1, lines.length - 1);
  const best = new Set(ranks?.best.map((i) => items[i]));
  const marks = lines.map((l, k) => {
    const y = top + row * k + 9, colour = best.has(l.name) ? "var(--best)" : "var(--mark)";
    return `<text x="230" y="${y + 4}" text-anchor="end">${short(l.name)}</text>` +
      `<line x1="${x(l.ratingLow!).toFixed(1)}" x2="${
        x(l.ratingHigh!).toFixed(1)
      }" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2"/>` +
      `<circle cx="${x(l.rating!).toFixed(1)}" cy="${y}" r="3.5" fill="${colour}"><title>${safe(l.name)}: ${
        fixed(l.rating, digits)
      } (${fixed(l.ratingLow, digits)} … ${
        fixed(l.ratingHigh, digits)
      }), ${l.comparisons} comparisons</title></circle>` +
      `<text x="665" y="${y + 4}" text-anchor="end" class="quiet">${fixed(l.rating, digits)}</text>` +
      (l.rankLow === null
        ? ""
        : `<rect x="${r(l.rankLow).toFixed(1)}" y="${y - 3}" width="${
          Math.max(2, r(l.rankHigh!) - r(l.rankLow)).toFixed(1)
        }" height="6" rx="3" fill="${colour}" opacity=".45"><title>${
          safe(l.name)
        }: rank ${l.rankLow} to ${l.rankHigh}</title></rect>`);
  });
  const height = top + row * lines.length + 8;
  const heads = `<text x="240" y="12" class="quiet">rating ${fixed(low, digits)} … ${
    fixed(high, digits)
  }</text><text x="690" y="12" class="quiet">rank 1 … ${lines.length}</text>`;
  return `<svg viewBox="0 0 900 ${height}" width="900" role="img" aria-label="Strengths with intervals">${heads}${
    marks.join("")
  }</svg>`;
}

const MOST_CELLS = 40; // items on a side
const MOST_ROWS = 300; // items in the forest

/** Expected shares of points above the diagonal, seen ones below; the strongest items first. */
function matrix(fit: StrengthFit, lines: readonly Line[]): string {
  const { items } = fit.data, { label } = fit.islands;
  const shown = lines.slice(0, MOST_CELLS).map(({ name }) => items.indexOf(name)), size = shown.length;
  const cell = Math.min(26, 600 / size), at = (k: number): string => (190 + cell * k).toFixed(1);
  const side = cell.toFixed(1);
  const square = ([row, column]: readonly [number, number], share: number, word: string): string =>
    `<rect x="${at(column)}" y="${at(row)}" width="${side}" height="${side}" fill="${colourOf(share)}"><title>${
      safe(items[shown[row]!]!)
    } against ${safe(items[shown[column]!]!)}: ${word} ${percent(share)}</title></rect>`;
  const expected = shown.flatMap((i, row) =>
    shown.flatMap((j, column) =>
      column > row && label[i] === label[j]
        ? [square([row, column], preferenceLabels(fit, [[i, j]])[0]!, "expected")]
        : []
    )
  );
  const place = new Map(shown.map((i, k) => [i, k]));
  const seen = worstPairs(fit, Infinity).flatMap(({ items: [i, j], observed, games }) => {
    const a = place.get(i), b = place.get(j);
    if (a === undefined || b === undefined) return [];
    const share = (a > b ? observed : games - observed) / games; // of the weaker, whose row lies below
    return [square([Math.max(a, b), Math.min(a, b)], share, `of ${games} seen`)];
  });
  const names = shown.map((i, k) => {
    const middle = (190 + cell * (k + 0.5) + 4).toFixed(1), name = short(items[i]!, 26);
    return `<text x="184" y="${middle}" text-anchor="end">${name}</text>` +
      `<text transform="translate(${middle},184) rotate(-60)">${name}</text>`;
  });
  const edge = 200 + cell * size;
  return `<svg viewBox="0 0 ${edge + 100} ${edge}" width="${
    edge + 100
  }" role="img" aria-label="Expected and seen results">${[...expected, ...seen, ...names].join("")}</svg>`;
}

/** Blue for shares above a half, red below, pale in the middle. */
function colourOf(share: number): string {
  const strength = Math.min(1, Math.abs(2 * share - 1));
  return `hsl(${share >= 0.5 ? 212 : 8} 70% 50% / ${(0.06 + 0.84 * strength).toFixed(2)})`;
}

/** Ten bins of expected share against the share seen, with two standard deviations. */
function calibration(fit: StrengthFit): string {
  const bins = Array.from({ length: 10 }, () => ({ games: 0, expected: 0, observed: 0, variance: 0 }));
  for (const { expected, observed, variance, games } of worstPairs(fit, Infinity)) {
    for (const [want, seen] of [[expected, observed], [games - expected, games - observed]] as const) { // either side
      const bin = bins[Math.min(9, Math.floor(10 * want / games))]!;
      bin.games += games;
      bin.expected += want;
      bin.observed += seen;
      bin.variance += variance;
    }
  }
  const at = (share: number): string => (40 + 280 * share).toFixed(1),
    up = (share: number): string => (300 - 280 * share).toFixed(1);
  const dots = bins.filter(({ games }) => games > 0).map(({ games, expected, observed, variance }) => {
    const [want, seen, spread] = [expected / games, observed / games, 2 * Math.sqrt(variance) / games];
    return `<line x1="${at(want)}" x2="${at(want)}" y1="${up(seen - spread)}" y2="${
      up(seen + spread)
    }" stroke="var(--mark)"/>` +
      `<circle cx="${at(want)}" cy="${up(seen)}" r="4" fill="var(--mark)"><title>expected ${percent(want)}, seen ${
        percent(seen)
      } of ${games}</title></circle>`;
  });
  const axes = `<line x1="${at(0)}" y1="${up(0)}" x2="${at(1)}" y2="${up(1)}" stroke="var(--line)" stroke-width="2"/>` +
    `<text x="180" y="328" text-anchor="middle" class="quiet">expected share of points, 0 to 100 %</text><text x="34" y="26" text-anchor="end" class="quiet">seen</text>`;
  return `<svg viewBox="0 0 360 340" width="360" role="img" aria-label="Calibration">${axes}${dots.join("")}</svg>`;
}

/** What one strength per item explains worst, and what to compare next. */
function misfits({ pairs, triples, nextPairs, items }: Ranked): string {
  const table = (title: string, heads: readonly string[], rows: readonly (readonly string[])[]): string =>
    rows.length === 0
      ? ""
      : `<h2>${title}</h2><table><tr>${heads.map((h) => `<th>${h}</th>`).join("")}</tr>${
        rows.map((cells) => `<tr>${cells.map((c) => `<td>${c}</td>`).join("")}</tr>`).join("")
      }</table>`;
  const name = (i: number): string => short(items[i]!);
  return table(
    "Pairs explained worst",
    ["pair", "points seen", "expected", "of", "z"],
    pairs.map((
      p,
    ) => [p.items.map(name).join(" – "), fixed(p.observed, 1), fixed(p.expected, 1), `${p.games}`, fixed(p.z, 1)]),
  ) +
    table(
      "Least transitive triples",
      ["circle", "z"],
      triples.map((t) => [t.items.map(name).join(" &gt; "), fixed(t.z, 1)]),
    ) +
    table(
      "Compare next",
      ["pair", "chance of the first", "gain"],
      nextPairs.map((p) => [p.items.map(name).join(" – "), percent(p.winProbability, 0), fixed(p.gain, 2)]),
    );
}
