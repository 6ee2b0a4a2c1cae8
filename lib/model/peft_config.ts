/** `adapter_config.json` as PEFT writes it: what an adapter's tensors do not say. */
import { left, type Result, right } from "../result.ts";
import { type Adapter, scaleOf } from "./lora.ts";

/** What an `adapter_config.json` says of the modules that it adapts. */
export interface PeftConfig {
  /** Rank of a module. */
  readonly rankOf: (module: string) => number;
  /** Alpha of a module. */
  readonly alphaOf: (module: string) => number;
  /** Whether B·A is multiplied by alpha / √rank. */
  readonly rsLora: boolean;
  /** Whether there are magnitudes. */
  readonly dora: boolean;
}

/** Fields that change nothing of what an adapter with these tensors computes. */
const HARMLESS: readonly string[] = [
  // what it belongs to, and who wrote it
  ...["base_model_name_or_path", "revision", "task_type", "auto_mapping", "peft_version", "runtime_config"],
  // which modules were to get tensors: the file of tensors shows which got them
  ...["target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"],
  // how to train on, where dropout is never applied here; how the base stores its matrices
  ...["inference_mode", "lora_dropout", "fan_in_fan_out", "ensure_weight_tying"],
  // settings of what is switched off by other fields
  ...["megatron_core", "qalora_group_size"],
];

/** First weights that leave the base as it was; others (PiSSA, OLoRA, CorDA, LoftQ) are added to a base of their own. */
const PLAIN_STARTS: readonly unknown[] = [true, false, "gaussian", "eva", "orthogonal", null];

type JsonRecord = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether a field that is not known says nothing. */
function isIdle(value: unknown): boolean {
  if (value === null || value === false || value === "none") return true;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** A value in a sentence, not for ever. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** Reads fields and collects the rules that they break. */
function reading(json: JsonRecord): {
  readonly faults: string[];
  readonly field: <T>(name: string, fallback: T, rule: string, keeps: (value: unknown) => boolean) => T;
} {
  const faults: string[] = [];
  return {
    faults,
    field: (name, fallback, rule, keeps) => {
      const value = Object.hasOwn(json, name) ? json[name] : undefined;
      if (value === undefined) return fallback;
      if (keeps(value)) return value as typeof fallback;
      faults.push(`${name} must be ${rule}: it is ${shown(value)}`);
      return fallback;
    },
  };
}

const isRank = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1;
const isAlpha = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;

/** Whether every name of a pattern is the plain end of module names, and every value keeps a rule. */
const isPattern = (keeps: (value: unknown) => boolean) => (value: unknown): boolean =>
  isRecord(value) && Object.entries(value).every(([name, x]) => /^[\w.]+$/.test(name) && keeps(x));

const KNOWN = ["peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern", "alpha_pattern"] as const;

/**
 * What an `adapter_config.json` says, or every rule that it breaks: `r must be …`. Adapters that are no LoRA, rsLoRA or
 * DoRA on plain matrices are refused by the field that says so.
 *
 * @param json the parsed file
 */
export function readPeftConfig(json: unknown): Result<readonly string[], PeftConfig> {
  if (!isRecord(json)) return left(["it must be a record"]);
  const { faults, field } = reading(json);
  const isFlag = (value: unknown): boolean => typeof value === "boolean";
  field("peft_type", "", `LORA, the one kind of adapter that is read`, (value) => value === "LORA");
  if (!Object.hasOwn(json, "peft_type")) faults.push("peft_type must be there");
  const rank = field("r", 8, "a whole number ≥ 1", isRank);
  const alpha = field("lora_alpha", 8, "a number > 0", isAlpha);
  const ranks = field<JsonRecord>("rank_pattern", {}, "ranks by plain ends of module names", isPattern(isRank));
  const alphas = field<JsonRecord>("alpha_pattern", {}, "alphas by plain ends of module names", isPattern(isAlpha));
  const [rsLora, dora] = ["use_rslora", "use_dora"].map((name) => field(name, false, "true or false", isFlag));
  field(
    "init_lora_weights",
    true,
    `one that leaves the base as it was: ${PLAIN_STARTS.slice(0, 5).join(", ")}`,
    (x) => {
      return PLAIN_STARTS.includes(x);
    },
  );
  const known: readonly string[] = [...KNOWN, ...HARMLESS, "init_lora_weights"];
  for (const [name, value] of Object.entries(json)) {
    if (!known.includes(name) && !isIdle(value)) {
      faults.push(
        `${shown(name).slice(1, -1)} must not be there, what it changes is not computed: it is ${shown(value)}`,
      );
    }
  }
  if (faults.length > 0) return left(faults);
  return right({
    rankOf: (module) => (matched(ranks, module) ?? rank) as number,
    alphaOf: (module) => (matched(alphas, module) ?? alpha) as number,
    rsLora: rsLora === true,
    dora: dora === true,
  });
}

/** The value of the first name of a pattern that a module ends in. */
function matched(pattern: JsonRecord, module: string): unknown {
  return Object.entries(pattern).find(([name]) => module === name || module.endsWith(`.${name}`))?.[1];
}

/** A module as a file of an adapter has it. */
export interface PeftModule {
  /** Its name, such as `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly rank: number;
  readonly scale: number;
  readonly dora: boolean;
}

/** Names that a list of target modules needs, so that it means these modules and none of the others. */
function targetsOf(modules: readonly string[], others: readonly string[]): readonly string[] {
  const end = (name: string, parts: number): string => name.split(".").slice(-parts).join(".");
  const short = (name: string): string =>
    [1, 2].map((parts) => end(name, parts)).find((short) => !others.some((o) => o.endsWith(`.${short}`))) ?? name;
  return [...new Set(modules.map(short))].sort();
}

/** Alpha as whoever chose it wrote it: the root of a rank does not come back exactly. */
function alphaOf({ scale, rank }: PeftModule, rsLora: boolean): number {
  return Number((scale / scaleOf(1, rank, rsLora)).toPrecision(12));
}

/**
 * The content of `adapter_config.json` for modules of an adapter.
 *
 * @param others modules of the model that are not adapted
 */
export function writePeftConfig(
  modules: readonly PeftModule[],
  { rsLora = false }: Pick<Adapter, "rsLora">,
  options: { readonly others: readonly string[]; readonly base: string | null; readonly transposed: boolean },
): JsonRecord {
  const [first] = modules as readonly [PeftModule, ...PeftModule[]];
  const [rank, alpha] = [first.rank, alphaOf(first, rsLora)];
  const differing = (of: (module: PeftModule) => number, usual: number): JsonRecord =>
    Object.fromEntries(modules.flatMap((module) => of(module) === usual ? [] : [[module.name, of(module)]]));
  return {
    base_model_name_or_path: options.base,
    bias: "none",
    fan_in_fan_out: options.transposed,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    lora_dropout: 0,
    peft_type: "LORA",
    r: rank,
    alpha_pattern: differing((module) => alphaOf(module, rsLora), alpha),
    rank_pattern: differing((module) => module.rank, rank),
    target_modules: targetsOf(modules.map(({ name }) => name), options.others),
    task_type: "CAUSAL_LM",
    use_dora: first.dora,
    use_rslora: rsLora,
  };
}
