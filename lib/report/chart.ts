/** Charts as inline SVG: no script, colours from the page, a title and a description for those who do not see it. */
import { shareInterval } from "../evaluation/interval.ts";
import { type Axis, linearAxis, logAxis, widened } from "./axis.ts";
import { type Inside, type Markup, markup } from "./markup.ts";
import type { Line, LineChart, LinePoint, ReliabilityChart } from "./report.ts";
import { brief, percent } from "./table.ts";

/** A coordinate with as many digits as a screen shows. */
export const px = (x: number): string => String(Number(x.toFixed(1)));

const [WIDTH, HEIGHT] = [360, 210];
const PLOT = { left: 46, right: 352, top: 8, bottom: 182 } as const;

/** A picture that grows with the page, and what it says in words. */
export function drawing(
  [width, height]: readonly [number, number],
  { title, words }: { readonly title: string; readonly words: string },
  inside: Inside,
): Markup {
  return markup`<svg viewBox="0 0 ${width} ${height}" role="img"><title>${title}</title><desc>${words}</desc>${inside}</svg>`;
}

/** Lines over steps: what was seen faint, its moving mean over it. */
export function lineChart({ lines, unit }: LineChart, title: string): Markup {
  const shown = lines.filter(({ points }) => points.length > 0);
  if (shown.length === 0) return markup`<p class="note">There is no figure to draw.</p>`;
  const smooth = shown.map(({ points }) => smoothed(points.map(({ y }) => y)));
  const x = xAxis(shown);
  const y = yAxis(shown, smooth);
  const drawn = shown.map(({ points }, i) => [
    markup`<path class="raw s${i % 4}" d="${outline(points, x, y)}"/>`,
    markup`<path class="line s${i % 4}" d="${
      path(points.map((p, k) => [x.at(p.x), y.at(smooth[i]?.[k] as number)]))
    }"/>`,
  ]);
  const words = shown.map((line) => inWords(line, unit)).join("; ");
  const { left, right, top, bottom } = PLOT;
  const [w, h] = [right - left, bottom - top];
  return drawing([WIDTH, HEIGHT], { title, words }, [
    yGrid(y),
    xLabels(x, unit),
    markup`<svg x="${left}" y="${top}" width="${w}" height="${h}" viewBox="${left} ${top} ${w} ${h}">${drawn.flat()}</svg>`,
  ]);
}

function xAxis(lines: readonly Line[]): Axis {
  const x = lines.flatMap(({ points }) => points.map((p) => p.x));
  const ends = [x.reduce((a, b) => Math.min(a, b), Infinity), x.reduce((a, b) => Math.max(a, b), -Infinity)] as const;
  return linearAxis(ends, [PLOT.left, PLOT.right]);
}

/** From the smallest to the largest moving mean, and of what was seen all but the rare extremes. */
function yAxis(lines: readonly Line[], smooth: readonly (readonly number[])[]): Axis {
  const seen = lines.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high])).sort((a, b) => a - b);
  const at = (share: number): number => seen[Math.round(share * (seen.length - 1))] as number;
  const all = [at(0.02), at(0.98), ...smooth.flat()];
  const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  const ends = [PLOT.bottom, PLOT.top] as const;
  const isWide = low > 0 && at(0.9) / at(0.1) > 100;
  return isWide ? logAxis([low / 1.2, high * 1.2], ends) : linearAxis(widened([low, high]), ends);
}

/**
 * Values without their noise: around each a straight line is fitted to a twentieth of the values on either side, the near
 * ones with more weight. What is straight stays as it is, at the ends too.
 */
export function smoothed(values: readonly number[]): readonly number[] {
  const reach = Math.floor(values.length / 20);
  return values.map((value, i) => {
    let [w, wx, wy, wxx, wxy] = [0, 0, 0, 0, 0];
    for (let x = Math.max(-reach, -i); x <= Math.min(reach, values.length - 1 - i); x++) {
      const weight = reach + 1 - Math.abs(x), y = values[i + x] as number;
      w += weight;
      wx += weight * x;
      wy += weight * y;
      wxx += weight * x * x;
      wxy += weight * x * y;
    }
    const slope = w * wxx - wx * wx;
    return slope > 0 ? (wy * wxx - wx * wxy) / slope : value; // the fitted line at x = 0
  });
}

function path(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${px(x)} ${px(y)}`).join("");
}

/** Along the highs and back along the lows; a line where they are one. */
function outline(points: readonly LinePoint[], x: Axis, y: Axis): string {
  const highs = points.map((p) => [x.at(p.x), y.at(p.high)] as const);
  if (points.every(({ low, high }) => low === high)) return path(highs);
  const lows = points.map((p) => [x.at(p.x), y.at(p.low)] as const);
  return path([...highs, ...lows.toReversed()]) + "Z";
}

function yGrid({ at, ticks }: Axis): readonly Markup[] {
  const { left, right } = PLOT;
  return ticks.map((tick) => {
    const y = at(tick);
    return markup`<path class="grid" d="M${left} ${px(y)}H${right}"/><text x="${left - 6}" y="${
      px(y + 3.5)
    }" class="end">${tickText(tick)}</text>`;
  });
}

/** A round number in few letters: `20k`, `4e-4`. */
function tickText(tick: number): string {
  const size = Math.abs(tick);
  if (size >= 1e4 && size < 1e6) return `${brief(tick / 1e3)}k`;
  return size >= 1e6 && size < 1e9 ? `${brief(tick / 1e6)}M` : brief(tick).replace(".0e", "e");
}

function xLabels({ at, ticks }: Axis, unit: string): readonly Markup[] {
  const { left, right, bottom } = PLOT;
  return [
    markup`<path class="axis" d="M${left} ${bottom}H${right}"/>`,
    ...ticks.map((tick) => markup`<text x="${px(at(tick))}" y="${bottom + 14}" class="mid">${tickText(tick)}</text>`),
    markup`<text x="${right}" y="${HEIGHT - 1}" class="end">${unit}</text>`,
  ];
}

/** A line in words: where it began, where it ended, its extremes. */
function inWords({ name, points }: Line, unit: string): string {
  const [first, last] = [points[0], points.at(-1)] as readonly [LinePoint, LinePoint];
  const low = points.reduce((a, b) => b.low < a.low ? b : a);
  const high = points.reduce((a, b) => b.high > a.high ? b : a);
  return `${name}: ${brief(first.y)} at ${unit} ${brief(first.x)}, ${brief(last.y)} at ${brief(last.x)}, ` +
    `least ${brief(low.low)} at ${brief(low.x)}, greatest ${brief(high.high)} at ${brief(high.x)}`;
}

/** Stated confidence against the share that came out right: what is well calibrated lies on the diagonal. */
export function reliabilityChart({ bins }: ReliabilityChart, title: string): Markup {
  const filled = bins.filter(({ n }) => n > 0);
  const least = Math.min(0.5, ...filled.map(({ accuracy }) => accuracy));
  const low = Math.floor(10 * least) / 10;
  const x = linearAxis([0.5, 1], [PLOT.left, PLOT.right]);
  const y = linearAxis([low, 1], [PLOT.bottom, PLOT.top]);
  const most = filled.reduce((a, { n }) => Math.max(a, n), 1);
  const dots = filled.map(({ n, confidence, accuracy }) => {
    const [p, ends] = [px(x.at(confidence)), shareInterval(accuracy, n)];
    return markup`<g class="s0"><title>${n} said ${percent(confidence)}, right ${percent(accuracy)}</title>
<path class="interval" d="M${p} ${px(y.at(Math.max(low, ends.low)))}V${px(y.at(ends.high))}"/><circle cx="${p}" cy="${
      px(y.at(accuracy))
    }" r="${px(2.5 + 4 * Math.sqrt(n / most))}"/></g>`;
  });
  const words = filled.map(({ n, confidence, accuracy }) =>
    `${n} said ${percent(confidence)}: ${percent(accuracy)} right`
  );
  return drawing([WIDTH, HEIGHT], { title, words: words.join("; ") }, [
    ...yGrid(y),
    ...xLabels(x, "stated confidence"),
    markup`<path class="diagonal" d="M${px(x.at(0.5))} ${px(y.at(0.5))}L${px(x.at(1))} ${px(y.at(1))}"/>`,
    ...dots,
  ]);
}
