/** The pictures of the ranking's page: strengths with intervals, who beats whom, calibration. Inline SVG, no script. */
import { fixed, type Inside, linearAxis, type Markup, markup, percent, preferenceLabels, px, shorten } from "../mod.ts";
import { type StrengthFit, worstPairs } from "../mod.ts";
import type { Line, Ranked } from "./bradley_terry_summary.ts";

const PLOT = 300, RANKS = 130, ROW = 20; // widths and height in px

/** Strengths with intervals and ranks with theirs: a table with a picture in each line. */
export function strengths({ ranks, items, shown, read }: Ranked, lines: readonly Line[]): Markup {
  const known = lines.filter((l) => l.rating !== null), digits = shown.scale === "elo" ? 0 : 2;
  const low = Math.min(...known.map((l) => l.ratingLow!)), high = Math.max(...known.map((l) => l.ratingHigh!));
  const { at: x, ticks: marks } = linearAxis([low, high], [6, PLOT - 6]);
  const { at: r } = linearAxis([1, lines.length], [4, RANKS - 4]);
  const best = new Set(ranks?.best.map((i) => items[i]));
  const grid = marks.map((t) => markup`<line x1="${px(x(t))}" x2="${px(x(t))}" y1="0" y2="${ROW}" class="grid"/>`);
  const rank = (l: Line): string =>
    l.rankLow === null ? "" : l.rankLow === l.rankHigh ? `${l.rankLow}` : `${l.rankLow}–${l.rankHigh}`;
  const rows = lines.map((l) => {
    const ends = `${fixed(l.ratingLow, digits)} … ${fixed(l.ratingHigh, digits)}`;
    const interval = l.rating === null ? null : [
      ...grid,
      markup`<line x1="${px(x(l.ratingLow!))}" x2="${px(x(l.ratingHigh!))}" y1="10" y2="10" class="interval"/>`,
      markup`<circle cx="${px(x(l.rating))}" cy="10" r="4"/>`,
    ];
    const span = l.rankLow === null
      ? null
      : markup`<rect x="${px(r(l.rankLow) - 2)}" width="${
        px(r(l.rankHigh!) - r(l.rankLow) + 4)
      }" y="7" height="6" rx="3"/>`;
    return markup`<tr class="${best.has(l.name) ? "best s2" : "s0"}"><td>${l.rank}</td><th scope="row" title="${
      l.name.slice(0, 300)
    }">${shorten(l.name, 40)}</th><td>${picture([PLOT, ROW], interval, `${l.name}: ${ends}`)}</td><td class="strong">${
      fixed(l.rating, digits)
    }</td><td>${l.rating === null ? "–" : ends}</td><td>${
      picture([RANKS, ROW], span, `${l.name}: ranks ${rank(l)}`)
    }</td><td>${rank(l)}</td><td>${Number(l.comparisons.toFixed(2))}</td><td>${
      l.winRate === null ? "–" : fixed(100 * l.winRate, 1)
    }</td>${read.games === undefined ? null : markup`<td>${fixed(l.elo, 0)}</td>`}</tr>\n`;
  });
  const side = (at: number): string => at < 16 ? "start" : at > PLOT - 16 ? "end" : "middle"; // within the picture
  const axis = marks.map((t) =>
    markup`<text x="${px(x(t))}" y="14" text-anchor="${side(x(t))}">${fixed(t, shown.scale === "elo" ? 0 : 1)}</text>`
  );
  const ends = markup`<text x="2" y="14">1</text><text x="${
    RANKS - 2
  }" y="14" text-anchor="end">${lines.length}</text>`;
  const heads = [
    "rank",
    "item",
    picture([PLOT, ROW], axis, "scale of ratings"),
    "rating",
    `${percent(shown.level, 0)} interval`,
    picture([RANKS, ROW], ends, "scale of ranks"),
    "ranks",
    "n",
    "points %",
    ...read.games === undefined ? [] : ["Elo"],
  ];
  return markup`<div class="scroll" tabindex="0"><table class="forest"><thead><tr>${
    heads.map((h) => markup`<th scope="col">${h}</th>`)
  }</tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** A picture of a fixed size. */
function picture([width, height]: readonly [number, number], inside: Inside, label: string): Markup {
  return markup`<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${
    label.slice(0, 300)
  }">${inside}</svg>`;
}

/** Items on a side of the matrix. */
export const MOST_CELLS = 40;

/** Expected shares of points above the diagonal, seen ones below; the strongest items first. */
export function matrix(fit: StrengthFit, lines: readonly Line[]): Markup {
  const { items } = fit.data, { label } = fit.islands;
  const shown = lines.slice(0, MOST_CELLS).map(({ name }) => items.indexOf(name)), size = shown.length;
  const cell = Math.min(44, Math.max(15, 640 / size)), left = 190, at = (k: number): string => px(left + cell * k);
  const square = ([row, column]: readonly [number, number], share: number, word: string): readonly Markup[] => [
    markup`<rect x="${at(column)}" y="${at(row)}" width="${px(cell - 1)}" height="${px(cell - 1)}" fill="${
      colourOf(share)
    }"><title>${items[shown[row]!]!} against ${items[shown[column]!]!}: ${percent(share)} ${word}</title></rect>`,
    ...cell < 24 ? [] : [
      markup`<text x="${px(left + cell * (column + 0.5))}" y="${
        px(left + cell * (row + 0.5) + 4)
      }" class="ink mid" pointer-events="none">${fixed(100 * share, 0)}</text>`,
    ],
  ];
  const expected = shown.flatMap((i, row) =>
    shown.flatMap((j, column) =>
      column > row && label[i] === label[j]
        ? square([row, column], preferenceLabels(fit, [[i, j]])[0]!, "expected")
        : []
    )
  );
  const place = new Map(shown.map((i, k) => [i, k]));
  const seen = worstPairs(fit, Infinity).flatMap(({ items: [i, j], observed, games }) => {
    const a = place.get(i), b = place.get(j);
    if (a === undefined || b === undefined) return [];
    const share = (a > b ? observed : games - observed) / games; // of the weaker, whose row lies below
    return square([Math.max(a, b), Math.min(a, b)], share, `of ${Number(games.toFixed(2))} seen`);
  });
  const names = shown.map((i, k) => {
    const middle = px(left + cell * (k + 0.5) + 4), name = shorten(items[i]!, 26);
    return markup`<text x="${left - 6}" y="${middle}" class="ink end">${name}</text>
<text transform="translate(${middle},${left - 6}) rotate(-60)" class="ink">${name}</text>`;
  });
  const edge = Math.ceil(left + cell * size + 10);
  return markup`<div class="scroll" tabindex="0">${
    picture([edge + 100, edge], [...expected, ...seen, ...names], "Expected and seen results")
  }</div>${legend()}`;
}

/** Blue for shares above a half, red below, pale in the middle. */
function colourOf(share: number): string {
  const strength = Math.min(1, Math.abs(2 * share - 1));
  return `hsl(${share >= 0.5 ? 212 : 8} 70% 50% / ${(0.06 + 0.74 * strength).toFixed(2)})`;
}

function legend(): Markup {
  const shares = [0, 0.25, 0.5, 0.75, 1];
  const squares = shares.map((share, k) =>
    markup`<rect x="${60 * k}" y="0" width="59" height="14" fill="${colourOf(share)}"/><text x="${
      60 * k + 30
    }" y="28" class="mid">${fixed(100 * share, 0)} %</text>`
  );
  return picture([300, 32], squares, "Colours from 0 to 100 % of the points");
}

/** Ten bins of expected share against the share seen, with two standard deviations. */
export function calibration(fit: StrengthFit): Markup {
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
  const at = (share: number): string => px(50 + 270 * share), up = (share: number): string => px(290 - 270 * share);
  const dots = bins.filter(({ games }) => games > 0).map(({ games, expected, observed, variance }) => {
    const [want, seen, spread] = [expected / games, observed / games, 2 * Math.sqrt(variance) / games];
    const [bottom, top] = [Math.max(0, seen - spread), Math.min(1, seen + spread)];
    return markup`<line x1="${at(want)}" x2="${at(want)}" y1="${up(bottom)}" y2="${
      up(top)
    }" class="interval s0"/><circle cx="${at(want)}" cy="${up(seen)}" r="4" class="s0"><title>expected ${
      percent(want)
    }, seen ${percent(seen)} of ${Number(games.toFixed(2))}</title></circle>`;
  });
  const axes = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    markup`<path d="M${at(share)} ${up(0)}V${up(1)}M${at(0)} ${up(share)}H${at(1)}" class="grid"/>
<text x="${at(share)}" y="306" class="mid">${fixed(100 * share, 0)}</text>
<text x="44" y="${px(Number(up(share)) + 4)}" class="end">${fixed(100 * share, 0)}</text>`
  );
  const words = markup`<path d="M${at(0)} ${up(0)}L${at(1)} ${up(1)}" class="diagonal"/>
<text x="185" y="324" class="mid">expected, % of points</text>
<text transform="translate(14,155) rotate(-90)" class="mid">seen, % of points</text>`;
  return picture([340, 332], [axes, words, dots], "Calibration");
}
