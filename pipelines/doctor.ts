/** What is wrong with preference pairs, without a model: `deno run -R pipelines/doctor.ts --data pairs.jsonl`. */
import {
  attempt,
  count,
  define,
  diagnosePairs,
  estimatedTokens,
  type Failure,
  file,
  type Finding,
  type Loaded,
  number,
  once,
  type Pair,
  pairReader,
  pipeline,
  readTable,
  type Result,
  right,
  type RowShape,
  type SettingValues,
  type Stage,
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
  context: count(0, { help: "most tokens of prompt and completion in training; 0: not looked at" }),
  bytesPerToken: number(4, { above: 0, help: "estimate behind --context: 4 suits English, 3 or less much else" }),
});

type Values = SettingValues<typeof settings.fields>;

/** Healthy pairs that are looked at without `--data`. */
const HEALTHY = 1500;

/** What is to be diagnosed. */
export interface Patient {
  readonly loaded: Loaded<Pair>;
  readonly heldOut: Loaded<Pair> | null;
  readonly source: string;
}

/** What came of it. */
export interface Diagnosis {
  readonly findings: readonly Finding[];
}

export const doctor = (s: Values) => pipeline("doctor", [readPatient(s), diagnose(s)]);

/** Reads the user's files, whatever share of their rows teaches nothing: that is a finding. */
function readPatient({ data, against, rows }: Values): Stage<object, Patient> {
  return attempt("readPairs", async () => {
    const loaded = data === null ? right(healthyPairs(HEALTHY)) : await readFile(data, rows);
    if (loaded._tag === "Left") return loaded;
    const heldOut = against === null ? right(null) : await readFile(against, rows);
    if (heldOut._tag === "Left") return heldOut;
    const source = data ?? "healthy pairs of the fixture world";
    return right({ loaded: loaded.right, heldOut: heldOut.right, source });
  }, { needs: [], adds: ["loaded", "heldOut", "source"] });
}

function readFile(path: string, rows: RowShape): Promise<Result<Failure, Loaded<Pair>>> {
  return readTable(path, pairReader({ name: path, rows, mostDropped: 1 }));
}

function diagnose({ context, bytesPerToken }: Values): Stage<Patient, Diagnosis> {
  const fit = context === 0 ? {} : { fit: { context, tokensOf: estimatedTokens(bytesPerToken) } };
  return once("diagnose", ({ loaded, heldOut }: Patient) => ({
    findings: diagnosePairs(loaded, { ...heldOut && { against: heldOut.data }, ...fit }),
  }), { needs: ["loaded", "heldOut"], adds: ["findings"] });
}

if (import.meta.main) await main(doctor, settings, doctorSummary);
