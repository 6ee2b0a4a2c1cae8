/** What a run will take before it trains: how much of the memory, and what would make it fit. */
import {
  finish,
  type Foreseen,
  foretell,
  type Foretold,
  left,
  linear,
  memoryUse,
  type Result,
  right,
  run,
  scope,
  showPath,
  type Stage,
  zeros,
} from "../mod.ts";
import { bytesText } from "./explain.ts";

/** What the stages of a run will take. */
export interface Forecast {
  /** The stages from the first that trains or scores on, as far as they can be known. */
  readonly stages: readonly Foretold[];
  /** Where the run stands before the first of them. */
  readonly place: Foreseen;
  /** Bytes of tensors in use there: a model that was loaded, and what kernels keep for themselves. */
  readonly inUse: number;
  /** Bytes of tensors that there can be. */
  readonly most: number;
  /** What sets that bound. */
  readonly bound: string;
}

/** The most bytes that a run will have in use at once. */
export function peakOf({ stages, inUse }: Pick<Forecast, "stages" | "inUse">): number {
  return inUse + Math.max(0, ...stages.map(({ peak }) => peak));
}

/** The forecast of a place of a run. */
export function forecastAt(stages: readonly Foretold[], place: Foreseen): Forecast {
  scope(() => linear(zeros("f32", [1, 1]), zeros("f32", [1, 1]))); // kernels take what they keep at their first use
  const { bytes: inUse, limit } = memoryUse(), machine = machineMemory();
  const bound = machine !== null && machine < limit
    ? { most: machine, bound: "this machine has no more" }
    : { most: limit, bound: "tensors share one memory of 32-bit addresses" };
  return { stages, place, inUse, ...bound };
}

/** Bytes of this machine, if it may be asked. */
function machineMemory(): number | null {
  const asked = Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" });
  return asked.state === "granted" ? Deno.systemMemoryInfo().total : null;
}

/** The forecast of a pipeline, whose stages before the first that trains are run for it; or why there is none. */
export async function forecast(
  pipeline: Stage<object, object>,
  seed: number,
): Promise<Result<readonly string[], Forecast | null>> {
  let found: Forecast | null = null;
  const ended = await finish(run(pipeline, {
    ...{ seed, given: {} },
    onForetold: (stages, place) => {
      found = forecastAt(stages, place);
      return ["This is as far as a forecast goes"];
    },
  }));
  return found === null && ended._tag === "Left" ? left(ended.left.sentences) : right(found);
}

/** Settings of a run that say how much it holds at once, as far as it has them. */
export interface Holding {
  readonly microBatch: number;
  readonly gradientCheckpointing: string;
  readonly loraRank: number;
}

/** The settings of a run, and its pipeline with others. */
export interface Alternatives {
  readonly seed: number;
  readonly batchSize: number;
  readonly own: Partial<Holding>;
  readonly variant: (change: Partial<Holding>) => Stage<never, object>;
}

/** A change of settings, and the flags for it. */
type Change = readonly [flags: string, change: Partial<Holding>];

/** Changes that take less and leave the result as it is, the cheaper ones first. */
function changesOf({ batchSize, own: { microBatch, gradientCheckpointing } }: Alternatives): readonly Change[] {
  const smaller = microBatch === undefined
    ? []
    : halvesOf(microBatch || batchSize).map((rows): Change => [`--micro-batch ${rows}`, { microBatch: rows }]);
  if (gradientCheckpointing !== "off") return smaller;
  const [flag, on] = ["--gradient-checkpointing on", { gradientCheckpointing: "on" }] as const;
  return [
    ...smaller,
    [flag, on],
    ...smaller.map(([flags, change]): Change => [`${flags} ${flag}`, { ...change, ...on }]),
  ];
}

/** Why a run will not fit, and with which settings it would; nothing if it will. */
export function shortage(told: Forecast, alternatives: Alternatives): readonly string[] {
  const { stages, place: { state, path }, inUse, most, bound } = told, { seed, own, variant } = alternatives;
  const worst = stages.toSorted((a, b) => b.peak - a.peak)[0];
  if (worst === undefined || peakOf(told) <= most) return [];
  const peakWith = (change: Partial<Holding>, context = Infinity): number =>
    peakOf({ inUse, stages: foretell(variant(change), cut(state, context), { seed, from: path }) });
  const changes = changesOf(alternatives), [flags, least] = changes.at(-1) ?? ["", {}];
  const tries = [
    ...changes.map(([flags, change]) => ({ flags, change, context: Infinity, note: "; the result would be the same" })),
    ...halvesOf(longest(state)).filter((context) => context >= 8).map((context) => (
      { flags: `${flags} --context ${context} --overflow keepEnd`.trim(), change: least, context, note: "" }
    )),
  ];
  const fitting = tries.map((one) => ({ ...one, peak: () => peakWith(one.change, one.context) }))
    .find(({ peak }) => peak() <= most);
  const adapter = own.loraRank === 0 ? "train an adapter (--lora-rank 8), or " : "";
  return [
    `Cannot start as ${showPath(worst.path)} would need ${bytesText(peakOf(told))} of memory for tensors: ` +
    `${bytesText(most)} are the most, as ${bound}`,
    fitting !== undefined
      ? `With ${fitting.flags} it would need ${bytesText(fitting.peak())}${fitting.note}`
      : `Of it ${bytesText(inUse + worst.state + worst.carry)} are what was loaded, what is trained and its moments: ` +
        `${adapter}begin with a smaller model`,
  ];
}

/** n/2, n/4, … 1. */
function halvesOf(n: number): readonly number[] {
  return n <= 1 ? [] : [Math.floor(n / 2), ...halvesOf(Math.floor(n / 2))];
}

/** Token ids of the longest prompt with a completion. */
function longest(state: Foreseen["state"]): number {
  const lists = Object.values(state).filter((value) => Array.isArray(value)) as readonly (readonly unknown[])[];
  return lists.flat().reduce((most: number, row) => {
    const { prompt, chosen, rejected } = Object(row) as Readonly<Record<string, unknown>>;
    if (!(prompt instanceof Int32Array && chosen instanceof Int32Array && rejected instanceof Int32Array)) return most;
    return Math.max(most, prompt.length + Math.max(chosen.length, rejected.length));
  }, 0);
}

/** The state with rows of at most so many tokens. */
function cut(state: Foreseen["state"], context: number): Foreseen["state"] {
  if (context === Infinity) return state;
  const shorter = (value: unknown): unknown => {
    if (value instanceof Int32Array) return value.slice(0, Math.ceil(context / 2));
    if (Array.isArray(value)) return value.map(shorter);
    if (Object.getPrototypeOf(Object(value)) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value as object).map(([name, part]) => [name, shorter(part)]));
  };
  const isRows = (value: unknown): boolean =>
    Array.isArray(value) && value.some((row) => Object(row).prompt instanceof Int32Array || "example" in Object(row));
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, isRows(value) ? shorter(value) : value]),
  );
}
