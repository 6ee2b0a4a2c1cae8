/** The ranking as one HTML page: a forest of strengths, who beats whom, how well the model fits. Light and dark. */
import { fixed, percent, type StrengthFit } from "../mod.ts";
import { calibration, matrix, MOST_CELLS, safe, short, strengths } from "./bradley_terry_charts.ts";
import { remarks } from "./bradley_terry_remarks.ts";
import { document, headline, type Line, linesOf, type Ranked, ranking } from "./bradley_terry_summary.ts";
import type { Summary } from "./main.ts";

/** The ranking in full. */
export function summary(state: Ranked): Summary {
  const lines = linesOf(state);
  return {
    json: document(state, lines),
    table: [headline(state), ranking(state, lines), remarks(state, lines).join("\n")].join("\n\n"),
    page: () => reportPage(state),
  };
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5d6574; --line: #dde1e8; --page: #fff; --mark: #2563b8; --best: #0a7d4f; --row: #f3f6fa }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec; --soft: #9aa3b2; --line: #313846; --page: #14181f; --mark: #77aef2; --best: #4cc38a; --row: #1c222c } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: .2rem } h2 { margin-top: 2.5rem } p, li { max-width: 46rem; overflow-wrap: anywhere } .soft { color: var(--soft) }
svg { display: block } text { font: 11px system-ui, sans-serif; fill: var(--ink) } .quiet { fill: var(--soft) }
.grid { stroke: var(--line) } .diagonal { stroke: var(--soft); stroke-dasharray: 4 3 } .mark { stroke: var(--mark); stroke-width: 2 } .dot { fill: var(--mark) }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; font-weight: normal; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid var(--line) } thead th { color: var(--soft) }
.forest th, .forest td { white-space: nowrap; text-align: right; padding: 0 .55rem; border: 0; font-size: 13px } .forest tbody tr:hover { background: var(--row) }
.forest th:nth-child(2) { text-align: left; position: sticky; left: 0; background: var(--page); max-width: 16rem; overflow: hidden; text-overflow: ellipsis }
.forest .strong { font-weight: 600 } .forest rect { fill: var(--mark); opacity: .5 } .best .mark { stroke: var(--best) } .best .dot, .best rect { fill: var(--best) }
.best th { color: var(--best); font-weight: 600 } @media (max-width: 40rem) { .forest th:nth-child(2) { max-width: 8.5rem } .forest td, .forest th { padding: 0 .3rem }
  .forest td:nth-child(3) svg, .forest th:nth-child(3) svg { width: 11rem } .forest th:nth-child(3) text { font-size: 18px } }`;

/** The whole page: one file that asks the network for nothing. */
export function reportPage(state: Ranked): string {
  const lines = linesOf(state), [what, source] = headline(state).split("\n");
  const { fit, shown } = state, rows = lines.slice(0, MOST_ROWS);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Ranking of ${lines.length} items</title><style>${STYLE}</style>
<h1>Ranking of ${lines.length} items</h1><p>${safe(what!)}<br><span class="soft">${safe(source!)}</span></p>
<ul>${remarks(state, lines).map((remark) => `<li>${safe(remark)}</li>`).join("")}</ul>
<h2>Strengths</h2><p class="soft">Dots are estimates, lines ${
    percent(shown.level, 0)
  } intervals; bars are the ranks not ruled out, all together at that level.
Green: not told apart from the best. ${strongest(rows.length, lines.length, "; summary.json holds all")}</p>
${strengths(state, rows)}
${fit === null ? "" : diagnostics(fit, lines)}
${misfits(state)}
</html>
`;
}

const MOST_ROWS = 300;

const strongest = (shown: number, all: number, more = ""): string =>
  shown < all ? `Shown are the strongest ${shown} of ${all}${more}.` : "";

function diagnostics(fit: StrengthFit, lines: readonly Line[]): string {
  const size = Math.min(MOST_CELLS, lines.length);
  return `<h2>Who beats whom</h2><p class="soft">Share of points of the row's item against the column's: above the diagonal
what the model expects, below it what was seen (empty: never met). ${strongest(size, lines.length)}</p>${
    matrix(fit, lines)
  }
<h2>Calibration</h2><p class="soft">Pairs by the share of points expected, against the share seen, with two standard deviations; a
perfect model lies on the line.</p>${calibration(fit)}`;
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
