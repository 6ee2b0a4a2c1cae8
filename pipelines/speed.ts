/** How fast a training step is on this machine: the very step on some of the rows, for two seconds. */
import { foretell, type Foretold, pipeline, run, type Stage } from "../mod.ts";
import type { Forecast } from "./forecast.ts";

/** What a probe found. */
export interface Speed {
  /** The stage that was probed. */
  readonly stage: string;
  readonly tokensPerSecond: number;
  /** Tokens of all training steps to come. */
  readonly tokens: number;
  /** Seconds that they will take at this speed. */
  readonly seconds: number;
}

/** Seconds of probing. */
const PATIENCE = 2;

/** Fields of the state that hold rows. */
const ROWS = ["rows", "heldOutRows", "fitRows", "validationRows", "demonstrations"];

type State = Forecast["place"]["state"];

/** Probes the first stage that trains, with what comes before it, on few rows and then on more; null if none trains. */
export async function probe(
  whole: Stage<never, object>,
  { stages, place: { state, path } }: Forecast,
  now: () => number,
): Promise<Speed | null> {
  const training = stages.filter(({ carry, tokens }) => carry > 0 && tokens !== undefined);
  if (training[0] === undefined) return null;
  const leaves = leavesOf(whole), named = (name: unknown): number => leaves.findIndex((leaf) => leaf.name === name);
  const part = leaves.slice(named(path.at(-1)), named(training[0].path.at(-1)) + 1);
  const [most, began] = [Math.max(...ROWS.map((name) => lengthOf(state[name]))), now()];
  let rate = 0;
  for (let rows = 1; now() - began < PATIENCE; rows *= 4) {
    const { tokens, seconds } = await step(part, few(state, rows), now);
    rate = tokens / seconds;
    if (rows >= most || seconds > PATIENCE / 4) break;
  }
  const tokens = training.reduce((sum, { tokens }) => sum + (tokens as NonNullable<Foretold["tokens"]>).all, 0);
  return { stage: part.at(-1)?.name as string, tokensPerSecond: rate, tokens, seconds: tokens / rate };
}

const lengthOf = (value: unknown): number => Array.isArray(value) ? value.length : 0;

function few(state: State, rows: number): State {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, ROWS.includes(name) ? (value as []).slice(0, rows) : value]),
  );
}

/** The stages that do something themselves, in order, but for those that are repeated. */
function leavesOf(stage: Stage<never, object>): readonly Stage<never, object>[] {
  if (stage.work.type === "pipeline") return stage.work.stages.flatMap(leavesOf);
  return stage.work.type === "repeat" ? [] : [stage];
}

/** The first step of the last stage, after those before it: its tokens, and how long it takes once the stage has begun. */
async function step(
  stages: readonly Stage<never, object>[],
  given: State,
  now: () => number,
): Promise<{ readonly tokens: number; readonly seconds: number }> {
  const last = stages.at(-1) as Stage<object, object>;
  const part = pipeline("probe", stages as readonly [Stage<object, object>]) as Stage<object, object>;
  let began = now();
  for await (const event of run(part, { seed: 0, given })) {
    if (event.path.at(-1) !== last.name) continue;
    if (event.type === "start") began = now();
    else if (event.type === "step") {
      const seconds = now() - began, tokens = foretell(part, given, { seed: 0 }).at(-1)?.tokens?.all ?? 0;
      return { tokens: tokens / event.steps, seconds };
    }
  }
  return { tokens: 0, seconds: now() - began };
}
