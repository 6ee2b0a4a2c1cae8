/** Curves: the figures of all loops, as many points as a picture can show however long the run is. */
import type { Event, Metrics, Path } from "../flow/event.ts";
import type { Line, LineChart, LinePoint, Section } from "./report.ts";
import { brief } from "./table.ts";

/** The figures of a loop. Within a repeat, all its visits are one loop. */
export interface Curve {
  /** Where it is, without the numbers of iterations. */
  readonly stage: string;
  /** What is counted: steps of the loop, or iterations of the repeat that it is in. */
  readonly unit: "step" | "iteration";
  /** Steps of one visit. */
  readonly total: number;
  /** Steps in each of the points but the last. */
  readonly stride: number;
  /** In order. */
  readonly points: readonly Point[];
}

/** Some consecutive steps. */
export interface Point {
  /** The last of the steps, in the curve's unit. */
  readonly to: number;
  /** How many they are. */
  readonly steps: number;
  /** By name; a figure that a step does not tell is not counted. */
  readonly figures: Readonly<Record<string, Spread>>;
}

/** A figure over some steps. */
export interface Spread {
  /** Of all its values. */
  readonly sum: number;
  /** How many there are. */
  readonly count: number;
  /** The least. */
  readonly low: number;
  /** The greatest. */
  readonly high: number;
}

/** Points of a curve at which their number is halved. */
const MOST_POINTS = 512;

const namesOf = (path: Path): string => path.filter((part) => typeof part === "string").join("/");

/** Curves after one more event; the same list if it tells no loop and no figure. */
export function advanceCurves(before: readonly Curve[], event: Event): readonly Curve[] {
  if (event.type !== "start" && event.type !== "step" || event.steps === undefined) return before;
  const stage = namesOf(event.path);
  const known = before.find((curve) => curve.stage === stage);
  const unit = event.path.some((part) => typeof part === "number") ? "iteration" : "step";
  const curve = known ?? { stage, unit, total: event.steps, stride: 1, points: [] };
  const after = event.type === "start" || Object.keys(event.metrics).length === 0
    ? curve
    : extended(curve, placeOf(before, event), event.metrics);
  if (after === known) return before;
  return known === undefined ? [...before, after] : before.map((other) => other === known ? after : other);
}

/** The number of a step in its loop, or how many iterations of the outermost repeat are done after it. */
function placeOf(curves: readonly Curve[], { path, step, steps }: Event & { readonly type: "step" }): number {
  const totalOf = (stage: string): number => curves.find((curve) => curve.stage === stage)?.total ?? 1;
  let [place, share] = [step, step / steps];
  for (let i = path.length - 1; i >= 0; i--) {
    const iteration = path[i];
    if (typeof iteration !== "number") continue;
    place = iteration + share;
    share = place / totalOf(namesOf(path.slice(0, i)));
  }
  return place;
}

/** A curve with one more step: in the last point while it has room, else in a new one. */
function extended(curve: Curve, to: number, metrics: Metrics): Curve {
  const point: Point = {
    to,
    steps: 1,
    figures: Object.fromEntries(
      Object.entries(metrics).filter(([, x]) => Number.isFinite(x))
        .map(([name, x]) => [name, { sum: x, count: 1, low: x, high: x }]),
    ),
  };
  const { points, stride } = curve;
  const last = points.at(-1);
  if (last !== undefined && last.steps < stride) {
    return { ...curve, points: [...points.slice(0, -1), joined(last, point)] };
  }
  if (points.length < MOST_POINTS) return { ...curve, points: [...points, point] };
  const halved = points.flatMap((a, i) => i % 2 === 0 ? [joined(a, points[i + 1] as Point)] : []);
  return { ...curve, stride: 2 * stride, points: [...halved, point] };
}

/** Two points as one. */
function joined(a: Point, b: Point): Point {
  const names = [...new Set([...Object.keys(a.figures), ...Object.keys(b.figures)])];
  const figures = names.map((name): readonly [string, Spread] => {
    const [x, y] = [a.figures[name], b.figures[name]];
    if (x === undefined || y === undefined) return [name, (x ?? y) as Spread];
    return [name, {
      sum: x.sum + y.sum,
      count: x.count + y.count,
      low: Math.min(x.low, y.low),
      high: Math.max(x.high, y.high),
    }];
  });
  return { to: b.to, steps: a.steps + b.steps, figures: Object.fromEntries(figures) };
}

/** The line of one figure of a curve. */
export function lineOf({ points }: Curve, name: string): readonly LinePoint[] {
  return points.flatMap(({ to, figures }) => {
    const of = figures[name];
    return of === undefined ? [] : [{ x: to, y: of.sum / of.count, low: of.low, high: of.high }];
  });
}

/**
 * A chart for each figure, those of the last loop first; what is told of chosen and rejected stands in one. What is not
 * known to be worth a look is folded, what never changes is said in words.
 */
export function curveSections(curves: readonly Curve[]): readonly Section[] {
  const telling = curves.filter(({ points }) => points.length > 0).toReversed();
  const all = telling.flatMap((curve) => {
    const stage = telling.length === 1 ? "" : `${curve.stage.split("/").at(-1)}: `;
    const names = [...new Set(curve.points.flatMap(({ figures }) => Object.keys(figures)))].toSorted(byWorth);
    return names.map((name) => ({ stage, name, unit: curve.unit, points: lineOf(curve, name) }));
  });
  const charts = [...Map.groupBy(all.filter((line) => !isConstant(line)), ({ stage, name }) => stage + titleOf(name))];
  const sections = charts.map(([title, lines]) => chartSection(title, lines));
  const constant = all.filter(isConstant).map(({ stage, name, points }) =>
    `${stage}${name} ${brief(points[0]?.y ?? NaN)}`
  );
  return [
    ...sections.filter(({ folded }) => folded !== true),
    ...sections.filter(({ folded }) => folded === true),
    ...constant.length === 0 ? [] : [
      { part: "course", type: "text", title: "The same at every step", lines: [constant.join(", ")] } as const,
    ],
  ];
}

const isConstant = ({ points }: Line): boolean => points.every(({ low, high }) => low === high && low === points[0]?.y);

function chartSection(title: string, lines: readonly (Line & Pick<LineChart, "unit">)[]): Section & LineChart {
  const [{ name, unit }] = lines as readonly [Line & Pick<LineChart, "unit">];
  const meaning = MEANING[titleOf(name)];
  return {
    ...{ part: "course", type: "lines", title, unit },
    ...meaning === undefined ? { folded: true } : { note: meaning },
    lines: lines.map(({ name, points }) => ({
      name: lines.length === 1 ? name : name.split("/").at(-1) ?? name,
      points,
    })),
  };
}

/** `logps/chosen` and `logps/rejected` are drawn under `logps`, all else under its own name. */
const titleOf = (name: string): string => name.replace(/\/(chosen|rejected)$/, "");

/** Figures worth seeing first, as the field calls them, and what they mean. */
const MEANING: Readonly<Record<string, string>> = {
  gold: "how good the policy's replies truly are",
  proxy: "mean reward of its replies, which training makes large",
  loss: "what training makes small",
  eval_loss: "the loss on rows that it does not train on",
  accuracy: "share of the batch's pairs whose chosen completion has the higher reward",
  margin: "reward of the chosen completion less that of the rejected one",
  "rewards/accuracies": "share of the batch's pairs whose chosen completion has the higher implicit reward",
  "rewards/margins": "implicit reward of the chosen completion less that of the rejected one",
  rewards: "implicit rewards of chosen and rejected completions, nats",
  logps: "log-probability of chosen and rejected completions, nats",
  kl: "distance from the reference policy, nats a reply",
  length: "tokens of a reply",
  diversity: "share of the replies that are like no other",
  entropy: "how open the policy still is, nats a token",
  "objective/scores": "mean score of the reward model",
  "objective/kl": "distance from the reference policy, nats a reply",
  "policy/clipfrac_avg": "share of the tokens whose ratio is clipped",
  "val/explained_variance": "how much of the returns the value model foresees",
  grad_norm: "norm of the gradient before clipping",
  "tokens/real": "tokens of the step's sequences, prompts and ends included",
  "tokens/processed": "tokens that were computed: a prompt that completions share is computed once",
  learning_rate: "size of the optimizer's steps",
};

function byWorth(a: string, b: string): number {
  const order = Object.keys(MEANING);
  const rank = (name: string): number => order.includes(titleOf(name)) ? order.indexOf(titleOf(name)) : order.length;
  return rank(a) - rank(b);
}
