/** Estimates with intervals, before and after: as wide as the page, without distorting what is written on it. */
import { roundNumbers } from "./axis.ts";
import { type Inside, type Markup, markup } from "./markup.ts";
import type { IntervalChart, IntervalOf } from "./report.ts";
import { brief, fixed, percent } from "./table.ts";

/** A row for each group: its name, its marks on the common axis, its numbers. */
export function intervalChart(chart: IntervalChart, title: string): Markup {
  const { rows, series, marks = [] } = chart;
  const show = chart.percent === true ? (x: number): string => percent(x) : (x: number): string => fixed(x, 2);
  const at = (x: number): string => {
    const share = (x - chart.low) / (chart.high - chart.low || 1);
    return `${Number((100 * Math.min(1, Math.max(0, share || 0))).toFixed(2))}%`;
  };
  const side = (x: number): string => x === chart.low ? "start" : x === chart.high ? "end" : "mid"; // within the picture
  // The last series is the one that matters: it has the strong colour, whatever comes before is pale.
  const kind = (i: number): string => i === series.length - 1 ? "after" : "before";
  const lines = marks.map((mark) =>
    markup`<line class="mark" x1="${at(mark.at)}" x2="${at(mark.at)}" y1="0" y2="100%"/>`
  );
  const height = (i: number): number => 15 + 4 * (i - (series.length - 1) / 2);
  const drawn = ({ estimate, low, high }: IntervalOf, i: number): Markup =>
    markup`<g class="${kind(i)}"><line x1="${at(low)}" x2="${at(high)}" y1="${height(i)}" y2="${
      13 + 4 * i
    }"/><circle cx="${at(estimate)}" cy="${height(i)}" r="4.5"/></g>`;
  const numbers = (values: readonly (IntervalOf | null)[]): Inside =>
    values.map((of, i) =>
      markup`${i === 0 ? "" : markup`<i aria-hidden="true">→</i>`}<span class="${kind(i)}">${
        of === null ? "–" : show(of.estimate)
      }</span>`
    );
  const words = (values: readonly (IntervalOf | null)[]): string =>
    values.map((of, i) =>
      `${series[i]} ${of === null ? "not known" : `${show(of.estimate)}, interval ${show(of.low)} to ${show(of.high)}`}`
    ).join("; ");
  return markup`<div class="intervals" role="list" aria-label="${title}">${
    rows.map(({ name, values }) =>
      markup`<div role="listitem"><span class="name">${name}</span><svg role="img" height="30"><title>${name}: ${
        words(values)
      }</title><line class="grid" x1="0" x2="100%" y1="15" y2="15"/>${lines}${
        values.map((of, i) => of === null ? null : drawn(of, i))
      }</svg><span class="numbers">${numbers(values)}</span></div>`
    )
  }<div class="scale" aria-hidden="true"><span></span><svg height="18">${
    roundNumbers(chart.low, chart.high, 4).map((tick) =>
      markup`<text x="${at(tick)}" y="12" class="${side(tick)}">${
        chart.percent === true ? percent(tick, 0) : brief(tick)
      }</text>`
    )
  }</svg></div></div>`;
}
