/** The ranking as a report: a forest of strengths, who beats whom, how well the model fits. */
import { fixed, percent, type Section, shorten, type StrengthFit } from "../mod.ts";
import { calibration, matrix, MOST_CELLS, strengths } from "./bradley_terry_charts.ts";
import { remarks } from "./bradley_terry_remarks.ts";
import { document, headline, type Line, linesOf, type Ranked, ranking } from "./bradley_terry_summary.ts";
import type { Summary } from "./main.ts";

/** The ranking in full. */
export function summary(state: Ranked): Summary {
  const lines = linesOf(state);
  return {
    json: document(state, lines),
    table: [headline(state), ranking(state, lines), remarks(state, lines).join("\n")].join("\n\n"),
    report: sectionsOf(state, lines),
  };
}

/** What the page says, a section each. */
function sectionsOf(state: Ranked, lines: readonly Line[]): readonly Section[] {
  const { fit, shown } = state, rows = lines.slice(0, MOST_ROWS);
  const level = percent(shown.level, 0);
  return [
    {
      part: "result",
      title: "In words",
      type: "text",
      lines: [...headline(state).split("\n"), ...remarks(state, lines)],
    },
    {
      ...{ part: "result", title: "Strengths", type: "drawing", drawing: strengths(state, rows) },
      note:
        `Dots are estimates, lines ${level} intervals; bars are the ranks not ruled out, all together at that level. ` +
        `Green: not told apart from the best. ${strongest(rows.length, lines.length, "; summary.json holds all")}`,
    },
    ...fit === null ? [] : diagnostics(fit, lines),
    ...misfits(state),
  ];
}

const MOST_ROWS = 300;

const strongest = (shown: number, all: number, more = ""): string =>
  shown < all ? `Shown are the strongest ${shown} of ${all}${more}.` : "";

function diagnostics(fit: StrengthFit, lines: readonly Line[]): readonly Section[] {
  const size = Math.min(MOST_CELLS, lines.length);
  return [
    {
      ...{ part: "result", title: "Who beats whom", type: "drawing", drawing: matrix(fit, lines) },
      note:
        "Share of points of the row's item against the column's: above the diagonal what the model expects, below it " +
        `what was seen (empty: never met). ${strongest(size, lines.length)}`,
    },
    {
      ...{ part: "result", title: "Calibration", type: "drawing", drawing: calibration(fit) },
      note: "Pairs by the share of points expected, against the share seen, with two standard deviations; a perfect " +
        "model lies on the line.",
    },
  ];
}

/** What one strength per item explains worst, and what to compare next. */
function misfits({ pairs, triples, nextPairs, items }: Ranked): readonly Section[] {
  const table = (title: string, header: readonly string[], rows: readonly (readonly string[])[]): readonly Section[] =>
    rows.length === 0 ? [] : [{ part: "result", title, type: "table", header, rows }];
  const name = (i: number): string => shorten(items[i]!, 30);
  return [
    ...table(
      "Pairs explained worst",
      ["pair", "points seen", "expected", "of", "z"],
      pairs.map((p) => [
        p.items.map(name).join(" – "),
        ...[p.observed, p.expected].map((x) => fixed(x, 1)),
        `${p.games}`,
        fixed(p.z, 1),
      ]),
    ),
    ...table(
      "Least transitive triples",
      ["circle", "z"],
      triples.map((t) => [t.items.map(name).join(" > "), fixed(t.z, 1)]),
    ),
    ...table(
      "Compare next",
      ["pair", "chance of the first", "gain"],
      nextPairs.map((p) => [p.items.map(name).join(" – "), percent(p.winProbability, 0), fixed(p.gain, 2)]),
    ),
  ];
}
