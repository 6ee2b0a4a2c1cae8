/**
 * Generation pass by pass: the cache of keys and values, who is in it where, and what is drawn.
 */
import { attention } from "../grad/layers.ts";
import { SEGMENT } from "../kernels/kernels.ts";
import { fold, type Key, uniform } from "../tensor/random.ts";
import { pack } from "../tensor/ragged.ts";
import { scope } from "../tensor/scope.ts";
import { consume, dispose, floats, type Tensor, zeros } from "../tensor/tensor.ts";
import { attentionShape, type DecoderConfig } from "./architecture.ts";
import type { LanguageModel } from "./decoder.ts";
import { checkParams, forward, type RotaryTables, rotaryTables } from "./forward.ts";
import type { Generated, GenerateOptions } from "./generate.ts";
import { logitsAt } from "./logps.ts";
import { prepared } from "./prepared.ts";
import { checkSampling, sampleRows, type Sampling } from "./sampling.ts";

/** Keys and values of every layer, `[rows, kvHeads·headDim]` each: of a prompt, then of each of its samples. */
export interface Cache {
  readonly keys: readonly Tensor[];
  readonly values: readonly Tensor[];
}

/** A completion being written. */
export interface Sample {
  readonly prompt: readonly [start: number, end: number];
  readonly cacheStart: number;
  readonly limit: number;
  readonly draws: Float64Array;
  readonly ids: number[];
  readonly logps: number[];
}

/** The parts of a model that every step needs. */
interface Engine extends LanguageModel {
  readonly rotary: RotaryTables;
}

/** One pass of tokens whose keys and values go to rows of the cache. */
interface Pass {
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  readonly segments: Int32Array;
  /** Cache row of each token. */
  readonly rows: Int32Array;
  /** The tokens that the logits are wanted for, and the segments of these alone; all if not given. */
  readonly wanted?: { readonly tokens: Int32Array; readonly segments: Int32Array };
}

/** Writes rows into a cache tensor, which passes its memory on. */
function store(cache: Tensor, x: Tensor, rows: Int32Array): Tensor {
  const width = x.shape[1] as number;
  const from = floats(x);
  return consume(
    cache,
    (out) => rows.forEach((row, i) => out.set(from.subarray(i * width, (i + 1) * width), row * width)),
  );
}

/** Runs a pass: the new cache, and logits of the wanted tokens `[wanted, V]`. */
function advance({ params, config, rotary }: Engine, cache: Cache, pass: Pass): { cache: Cache; logits: Tensor } {
  const [keys, values] = [[...cache.keys], [...cache.values]];
  const { wanted } = pass;
  const attend = ([q, k, v]: readonly [Tensor, Tensor, Tensor], layer: number): Tensor => {
    keys[layer] = store(keys[layer] as Tensor, k, pass.rows);
    values[layer] = store(values[layer] as Tensor, v, pass.rows);
    const segments = layer === config.layers - 1 ? wanted?.segments ?? pass.segments : pass.segments;
    return attention([q, keys[layer] as Tensor, values[layer] as Tensor], segments, attentionShape(config, layer));
  };
  const { ids, positions } = pass;
  const hidden = forward(params, config, { ids, positions, rotary, attend, wanted: wanted?.tokens });
  return { cache: { keys, values }, logits: logitsAt(hidden, { params, config }) };
}

/**
 * The pass over some prompts at once, whose rows of the cache begin at `starts`, without their first `known` tokens, whose
 * rows are there already.
 */
function prefill(prompts: readonly Int32Array[], starts: readonly number[], known: number): Pass {
  const rest = prompts.map((prompt) => prompt.subarray(known));
  const { ids, positions, segments } = pack(rest.map((prompt) => ({ prompt, completions: [] })));
  const ends = prompts.map((_, i) => segments[i * SEGMENT + 1] as number);
  return {
    ids,
    positions: positions.map((at) => at + known),
    segments: Int32Array.from(ends.flatMap((end, i) => [ends[i - 1] ?? 0, end, 0, 0, starts[i] as number, known])),
    rows: Int32Array.from(
      rest.flatMap((prompt, i) => Array.from(prompt, (_, t) => (starts[i] as number) + known + t)),
    ),
    wanted: {
      tokens: Int32Array.from(ends, (end) => end - 1),
      segments: Int32Array.from(
        prompts.flatMap((prompt, i) => [i, i + 1, 0, 0, starts[i] as number, prompt.length - 1]),
      ),
    },
  };
}

/** The pass over the newest token of every sample that goes on. */
function decode(samples: readonly Sample[]): Pass {
  const [ids, positions, rows] = [0, 0, 0].map(() => new Int32Array(samples.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const segments = new Int32Array(SEGMENT * samples.length);
  samples.forEach(({ ids: written, prompt: [start, end], cacheStart }, i) => {
    const past = written.length - 1;
    ids[i] = written[past] as number;
    positions[i] = end - start + past;
    rows[i] = cacheStart + past;
    segments.set([i, i + 1, start, end, cacheStart, past], SEGMENT * i);
  });
  return { ids, positions, segments, rows };
}

/** Why a completion ends where it stands; undefined if it goes on. */
function endOf({ ids, limit }: Sample, { eos, stop = [] }: GenerateOptions): Generated["end"] | undefined {
  if (ids.at(-1) === eos) return "eos";
  const endsWith = (tokens: Int32Array): boolean => tokens.every((id, i) => ids.at(i - tokens.length) === id);
  if (stop.some((tokens) => tokens.length <= ids.length && endsWith(tokens))) return "stop";
  return ids.length === limit ? "length" : undefined;
}

function checkCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, n] of Object.entries(counts)) {
    if (!(Number.isInteger(n) && n >= 1)) {
      throw new RangeError(`Cannot generate as ${name} must be a whole number ≥ 1: current value is ${n}`);
    }
  }
}

/** What is known of a prompt before it is answered. */
export interface Plan {
  readonly prompt: Int32Array;
  /** Most tokens of a completion. */
  readonly limit: number;
  /** Rows of the cache that it takes with its samples. */
  readonly rows: number;
}

/** What each prompt asks for. @throws {RangeError} if an option is out of range, or a prompt fills the context */
export function plansOf(
  prompts: readonly Int32Array[],
  config: DecoderConfig,
  options: GenerateOptions,
): readonly Plan[] {
  const { samples = 1, maxNewTokens, maxBatch = 1, stop = [] } = options;
  checkCounts({ samples, maxNewTokens, maxBatch });
  if (stop.some((tokens) => tokens.length === 0)) {
    throw new RangeError("Cannot generate as a stop sequence must have at least one token: one is empty");
  }
  return prompts.map((prompt) => {
    const limit = Math.min(maxNewTokens, config.contextLength - prompt.length);
    if (limit < 1) {
      throw new RangeError(
        `Cannot generate as a prompt of ${prompt.length} tokens leaves no room in a context of ${config.contextLength}`,
      );
    }
    return { prompt, limit, rows: prompt.length + samples * limit };
  });
}

/** Where in the cache prompts may be answered at the same time, and its rows: each has its own place, or all take turns. */
function placesOf(
  plans: readonly Plan[],
  { maxBatch = Infinity, samples = 1 }: GenerateOptions,
): { readonly places: number[]; readonly rows: number } {
  const count = Math.max(1, Math.floor(maxBatch / samples));
  const most = plans.reduce((n, { rows }) => Math.max(n, rows), 0);
  const sizes = count < plans.length ? Array<number>(count).fill(most) : plans.map(({ rows }) => rows);
  let rows = 0;
  return { places: sizes.map((size) => (rows += size) - size), rows };
}

/** The samples of a prompt, whose rows of the cache begin at `start`. */
function begin({ prompt, limit }: Plan, start: number, { key, samples = 1 }: GenerateOptions): readonly Sample[] {
  const [promptKey, end] = [prompt.reduce<Key>(fold, key), start + prompt.length];
  return Array.from({ length: samples }, (_, n): Sample => ({
    prompt: [start, end],
    cacheStart: end + n * limit,
    limit,
    draws: uniform(fold(promptKey, `sample ${n}`), limit),
    ids: [],
    logps: [],
  }));
}

/** Draws the next token of every sample, of sample i from row `rowOf(i)` of the logits. */
function draw(samples: readonly Sample[], logits: Tensor, rowOf: (i: number) => number, spec: Sampling): void {
  const [rows, draws] = [new Int32Array(samples.length), new Float64Array(samples.length)];
  samples.forEach(({ draws: own, ids }, i) => [rows[i], draws[i]] = [rowOf(i), own[ids.length] as number]);
  const { ids, probabilities } = sampleRows(logits, { rows, draws }, spec);
  samples.forEach((s, i) => {
    s.ids.push(ids[i] as number);
    s.logps.push(Math.log(probabilities[i] as number));
  });
}

/** What a generation is about; groups of samples are put into `all` when their prompts' turn comes. */
export interface Task {
  readonly model: LanguageModel;
  readonly plans: readonly Plan[];
  readonly options: GenerateOptions;
  readonly all: (readonly Sample[])[];
  /** The cache of another generation whose first tokens are those of the only prompt, and how many; it is used up. */
  readonly known?: { readonly cache: Cache; readonly tokens: number } | undefined;
  /** Told the cache after each pass, before its tokens are taken. */
  readonly onPass?: (cache: Cache) => void;
}

/** A cache of empty layers, the first rows of which are those of another, which is used up layer by layer. */
function grown(layers: number, empty: () => Tensor, known: Task["known"]): Cache {
  const all = (old?: readonly Tensor[]): readonly Tensor[] =>
    Array.from({ length: layers }, (_, i) => {
      const layer = empty(), before = old?.[i], width = layer.shape[1] as number;
      if (before === undefined) return layer;
      const kept = floats(before).subarray(0, (known?.tokens ?? 0) * width);
      const copied = consume(layer, (out) => out.set(kept));
      dispose(before);
      return copied;
    });
  return { keys: all(known?.cache.keys), values: all(known?.cache.values) };
}

/** A generation pass by pass: each draws a token for the samples that go on. */
export function* passes(task: Task): Generator<void, void> {
  checkParams(task.model.params, task.model.config);
  const end = prepared(task.model, task.plans.reduce((n, { limit }) => Math.max(n, limit), 0));
  try {
    yield* passesOf(task);
  } finally {
    end();
  }
}

function* passesOf({ model, plans, options, all, known, onPass = () => {} }: Task): Generator<void, void> {
  const spec = checkSampling(options);
  const { config, params } = model;
  const { kvHeads, headDim } = config.attention;
  const { dtype } = params.norm;
  const { samples = 1 } = options;
  const goesOn = (s: Sample): boolean => endOf(s, options) === undefined;
  const length = plans.reduce((n, { prompt, limit }) => Math.max(n, prompt.length + limit), 0);
  const engine = { ...model, rotary: rotaryTables(config, length, dtype) };
  const { places, rows } = placesOf(plans, options);
  let cache = grown(params.layers.length, () => zeros(dtype, [rows, kvHeads * headDim]), known);
  /** One pass, after which sample i draws from the logits of row `rowOf(i)`. */
  const step = (pass: Pass, drawing: readonly Sample[], rowOf: (i: number) => number): void => {
    cache = scope(() => {
      const next = advance(engine, cache, pass);
      draw(drawing, next.logits, rowOf, spec);
      return next.cache;
    });
    onPass(cache);
  };
  let running: readonly (readonly Sample[])[] = [];
  while (running.length > 0 || all.length < plans.length) {
    const entering = plans.slice(all.length, all.length + places.length);
    if (entering.length > 0) {
      const starts = places.splice(0, entering.length);
      const begun = entering.map((plan, i) => begin(plan, starts[i] as number, options));
      step(
        prefill(entering.map(({ prompt }) => prompt), starts, known?.tokens ?? 0),
        begun.flat(),
        (i) => Math.floor(i / samples),
      );
      all.push(...begun);
      running = [...running, ...begun];
      yield;
    }
    for (const done of running.filter((group) => !group.some(goesOn))) places.push((done[0] as Sample).prompt[0]);
    running = running.filter((group) => group.some(goesOn));
    const going = running.flat().filter(goesOn);
    if (going.length === 0) continue;
    step(decode(going), going, (i) => i);
    yield;
  }
}

/** What a sample has become. */
export function generatedOf(s: Sample, options: GenerateOptions): Generated {
  return {
    ids: Int32Array.from(s.ids),
    sampledLogps: Float64Array.from(s.logps),
    end: endOf(s, options) as Generated["end"],
  };
}
