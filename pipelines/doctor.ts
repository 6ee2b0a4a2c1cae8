/** What is wrong with preference pairs, without a model: `deno run -R pipelines/doctor.ts --data pairs.jsonl`. */
import {
  attempt,
  type ContextOptions,
  count,
  define,
  describeModel,
  diagnosePairs,
  encodePair,
  estimatedTokens,
  type Failure,
  file,
  type Finding,
  inputFailure,
  type Loaded,
  number,
  once,
  type Pair,
  type PairLengths,
  pairReader,
  pipeline,
  readTable,
  readTokenizer,
  type Result,
  right,
  type RowShape,
  type SettingValues,
  type Stage,
  type Tokenizer,
} from "../mod.ts";
import { healthyPairs } from "../fixtures/world/healthy.ts";
import { doctorSummary } from "./doctor_summary.ts";
import { main } from "./main.ts";
import { ROWS } from "./setup.ts";

export const settings = define({
  data: file({
    help:
      "preference pairs, .jsonl, .json, .csv or .parquet, also gzipped; without it, healthy ones of the fixture world",
  }),
  rows: ROWS,
  against: file({ help: "pairs held out to judge by: their prompts must not be in the data" }),
  model: file({
    kind: "model",
    help: "a model whose tokenizer and chat template count tokens; its weights are not read",
  }),
  context: count(0, { help: "most tokens of prompt and completion in training; 0: the model's, or not looked at" }),
  bytesPerToken: number(4, {
    above: 0,
    help: "estimate behind --context without --model: 4 suits English, 3 much else",
  }),
});

type Values = SettingValues<typeof settings.fields>;

/** Healthy pairs that are looked at without `--data`. */
const HEALTHY = 1500;

/** What is to be diagnosed. */
export interface Patient {
  readonly loaded: Loaded<Pair>;
  readonly heldOut: Loaded<Pair> | null;
  readonly source: string;
  /** How tokens are counted, and how many there may be; null if they are not. */
  readonly counted: Counted | null;
}

/** A tokenizer, or null for an estimate, with the context to fit. */
export interface Counted {
  readonly tokenizer: Tokenizer | null;
  readonly context: number;
}

/** What came of it. */
export interface Diagnosis {
  readonly findings: readonly Finding[];
}

export const doctor = (s: Values) => pipeline("doctor", [readPatient(s), diagnose(s)]);

/** Reads the user's files, whatever share of their rows teaches nothing: that is a finding. */
function readPatient({ data, against, rows, model, context }: Values): Stage<object, Patient> {
  return attempt("readPairs", async () => {
    const loaded = data === null ? right(healthyPairs(HEALTHY)) : await readFile(data, rows);
    if (loaded._tag === "Left") return loaded;
    const heldOut = against === null ? right(null) : await readFile(against, rows);
    if (heldOut._tag === "Left") return heldOut;
    const source = data ?? "healthy pairs of the fixture world";
    const counted = model === null
      ? right(context > 0 ? { tokenizer: null, context } : null)
      : await ofModel(model, context);
    if (counted._tag === "Left") return counted;
    return right({ loaded: loaded.right, heldOut: heldOut.right, source, counted: counted.right });
  }, { needs: [], adds: ["loaded", "heldOut", "source", "counted"] });
}

/** How a model counts tokens: from its files about text, and its config for the context if none is given. */
async function ofModel(model: string, context: number): Promise<Result<Failure, Counted>> {
  const described = await describeModel(model);
  if (described._tag === "Left") return described;
  const { texts, config } = described.right;
  if (texts["tokenizer.json"] === undefined) {
    return inputFailure(`Cannot count tokens as ${model} must have a tokenizer.json: it has none`);
  }
  const read = readTokenizer(texts);
  return read._tag === "Left" ? read : right({
    tokenizer: read.right.tokenizer,
    context: context > 0 ? Math.min(context, config.contextLength) : config.contextLength,
  });
}

/** The lengths of a pair under a tokenizer; undefined if its chat template refuses the messages. */
function lengthsOf(tokenizer: Tokenizer, pair: Pair): PairLengths | undefined {
  try {
    const { prompt, chosen, rejected } = encodePair(tokenizer, pair);
    return { prompt: prompt.length, chosen: chosen.length, rejected: rejected.length };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readFile(path: string, rows: RowShape): Promise<Result<Failure, Loaded<Pair>>> {
  return readTable(path, pairReader({ name: path, rows, mostDropped: 1 }));
}

function diagnose({ bytesPerToken }: Values): Stage<Patient, Diagnosis> {
  const fitOf = ({ tokenizer, context }: Counted): ContextOptions =>
    tokenizer === null
      ? { context, tokensOf: estimatedTokens(bytesPerToken) }
      : { context, lengthsOf: (pair) => lengthsOf(tokenizer, pair) };
  return once("diagnose", ({ loaded, heldOut, counted }: Patient) => ({
    findings: diagnosePairs(loaded, {
      ...heldOut && { against: heldOut.data },
      ...counted && { fit: fitOf(counted) },
    }),
  }), { needs: ["loaded", "heldOut", "counted"], adds: ["findings"] });
}

if (import.meta.main) await main(doctor, settings, doctorSummary);
