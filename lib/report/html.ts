/** A report as one HTML file: readable without scripts, asks the network for nothing, light and dark. */
import { lineChart, reliabilityChart } from "./chart.ts";
import { curveSections } from "./curves.ts";
import { intervalChart } from "./interval_chart.ts";
import { type Inside, type Markup, markup } from "./markup.ts";
import type { Figure, Part, Report, Section, SideBySide } from "./report.ts";
import { STYLE } from "./style.ts";
import { brief, type Cell, fixed, isFigure } from "./table.ts";

const PARTS: readonly (readonly [Part, string])[] = [
  ["result", "What came of it"],
  ["course", "The way there"],
  ["data", "The data"],
  ["run", "This run"],
];

/** Characters of a text that are shown at once, and that can be opened. */
const [SHOWN, MOST] = [400, 10_000] as const;

/**
 * The page of a report, all texts in it escaped.
 *
 * @example
 * ```ts
 * import { advanceReport, finish, noReport, once, reportHtml, run } from "@logratio/logratio";
 * const double = once("double", ({ x }: { x: number }) => ({ y: 2 * x }));
 * let report = { ...noReport, title: "double" };
 * await finish(run(double, { seed: 0, given: { x: 21 } }), (event) => report = advanceReport(report, event));
 * reportHtml(report); // <!doctype html>…
 * ```
 */
export function reportHtml(report: Report): string {
  const { title, lead, warnings } = report;
  const sections = [...report.sections, ...curveSections(report.curves)];
  const parts = PARTS.filter(([part]) => sections.some((section) => section.part === part));
  const links = parts.map(([part, name]) => markup`<a href="#${part}">${name}</a>`);
  const body = parts.map(([part, name]) =>
    markup`<section aria-labelledby="${part}"><h2 id="${part}">${name}</h2><div class="part">
${sections.filter((section) => section.part === part).map(shown)}</div></section>
`
  );
  return page(title, [
    markup`<header><h1>${title}</h1><p class="lead">${lead}</p>${
      links.length < 2 ? null : markup`<nav aria-label="Parts">${links}</nav>`
    }</header>\n`,
    markup`<main>\n${warnings.length === 0 ? null : warned(warnings)}${body}</main>`,
  ])();
}

/** A whole page around its body. */
export function page(title: string, body: Inside): Markup {
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>${STYLE}</head>
<body>
${body}
</body></html>
`;
}

function warned(warnings: readonly string[]): Markup {
  return markup`<section class="warnings" aria-label="Warnings"><strong>To look at</strong><ul>${
    warnings.map((warning) => markup`<li>${long(warning)}</li>`)
  }</ul></section>`;
}

function shown(section: Section): Markup {
  const { title, note, type, folded = false } = section;
  const wide = type === "lines" || type === "reliability" ? "" : "wide";
  const noted = note === undefined ? null : markup`<p class="note">${note}</p>`;
  const inside = [noted, legend(section), content(section)];
  return folded
    ? markup`<details class="${wide}"><summary>${title}</summary>${inside}</details>\n`
    : markup`<div class="${wide}"><h3>${title}</h3>${inside}</div>\n`;
}

function content(section: Section): Inside {
  switch (section.type) {
    case "figures":
      return markup`<dl class="figures">${section.figures.map(figure)}</dl>`;
    case "table":
      return tableOf(section.header, section.rows);
    case "samples":
      return markup`<ul class="samples">${section.samples.map(sideBySide)}</ul>`;
    case "text":
      return section.lines.map((line) => markup`<p>${long(line)}</p>`);
    case "code":
      return markup`<pre><code>${section.code}</code></pre>`;
    case "drawing":
      return section.drawing;
    case "intervals":
      return intervalChart(section, section.title);
    case "lines":
      return lineChart(section, section.title);
    case "reliability":
      return reliabilityChart(section, section.title);
  }
}

/** What the colours stand for, where there is more than one. */
function legend(section: Section): Markup | null {
  const key = (name: string, kind: string): Markup =>
    markup`<li><svg viewBox="0 0 22 10" aria-hidden="true"><path class="key ${kind}" d="M0 5H22"/></svg>${name}</li>`;
  if (section.type === "lines" && section.lines.length > 1) {
    return markup`<ul class="legend">${section.lines.map(({ name }, i) => key(name, `s${i % 4}`))}</ul>`;
  }
  if (section.type !== "intervals") return null;
  const { series, marks = [] } = section;
  const named = series.length < 2
    ? []
    : series.map((name, i) => key(name, i === series.length - 1 ? "after" : "before"));
  return markup`<ul class="legend">${named}${marks.map(({ name }) => key(name, "mark"))}</ul>`;
}

function figure({ name, value, note }: Figure): Markup {
  return markup`<div><dt>${name}</dt><dd class="value">${value}</dd>${
    note === undefined ? null : markup`<dd class="note">${note}</dd>`
  }</div>`;
}

function sideBySide({ prompt, before, after, scores }: SideBySide): Markup {
  const answer = (which: "before" | "after", text: string): Markup =>
    markup`<div class="${which}"><dt>${which}${
      scores === undefined ? null : ` · ${fixed(scores[which], 2)}`
    }</dt><dd dir="auto">${text === "" ? "(nothing)" : long(text)}</dd></div>`;
  return markup`<li><p class="prompt" dir="auto">${long(prompt)}</p><dl>${answer("before", before)}${
    answer("after", after)
  }</dl></li>`;
}

function tableOf(header: readonly string[], rows: readonly (readonly Cell[])[]): Markup {
  const text = (cell: Cell): string => typeof cell === "number" ? brief(cell) : cell ?? "–";
  const isNumber = header.map((_, i) => rows.length > 0 && rows.every((row) => isFigure(text(row[i] ?? null))));
  const cells = (row: readonly Cell[]): Inside =>
    row.map((cell, i) => markup`<td class="${isNumber[i] ? "number" : ""}" dir="auto">${long(text(cell))}</td>`);
  return markup`<div class="scroll" tabindex="0"><table><thead><tr>${
    header.map((name, i) => markup`<th scope="col" class="${isNumber[i] ? "number" : ""}">${name}</th>`)
  }</tr></thead><tbody>${rows.map((row) => markup`<tr>${cells(row)}</tr>`)}</tbody></table></div>`;
}

/** A text of any length: its beginning, and the rest for the reader to open. */
function long(text: string): Inside {
  if (text.length <= 1.5 * SHOWN) return text;
  const rest = text.slice(SHOWN, MOST);
  const left = text.length > MOST ? `… and ${text.length - MOST} more` : "";
  return markup`${text.slice(0, SHOWN)}<details class="rest"><summary>${
    text.length - SHOWN
  } more characters</summary>${rest}${left}</details>`;
}
