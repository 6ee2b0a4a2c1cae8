/** Adapters in the training pipelines: the flags, and the policy that gets one. */
import {
  adaptPolicy,
  attempt,
  count,
  type DecoderConfig,
  decoderTree,
  type Failure,
  file,
  inputFailure,
  loadAdapter,
  loadPolicyAdapter,
  number,
  pipeline,
  type PolicyState,
  type Projection,
  type Result,
  right,
  type SettingValues,
  type Stage,
  type Tensor,
  text,
  toggle,
  type VocabularyState,
} from "../mod.ts";

/** The settings of an adapter. */
export const LORA = {
  loraRank: count(0, { help: "train an adapter of this rank instead of the model (LoRA); 0: none" }),
  loraAlpha: number(0, { atLeast: 0, help: "what it adds is multiplied by this over the rank; 0: twice the rank" }),
  loraTargets: text("all", { help: "the matrices it changes, of q,k,v,o,gate,up,down; all: every one" }),
  rsLora: toggle(false, { help: "alpha over the root of the rank" }),
  dora: toggle(false, { help: "learn the norms of rows apart from their directions" }),
  adapter: file({ kind: "folder", help: "go on with an adapter of the model, in PEFT's form, instead of a fresh one" }),
  merge: toggle(false, { help: "write the model with its adapter multiplied in, instead of the adapter alone" }),
} as const;

type Lora = Omit<SettingValues<typeof LORA>, "merge">;

const TARGETS: Readonly<Record<string, Projection>> = {
  ...{ q: "query", k: "key", v: "value", o: "output", gate: "gate", up: "up", down: "down" },
};

/** Whether these settings train an adapter. */
export function isAdapted({ loraRank, adapter }: Pick<Lora, "loraRank" | "adapter">): boolean {
  return loraRank > 0 || adapter !== null;
}

/** What is wrong with the settings, a sentence each. */
function faultsOf(s: Lora): readonly string[] {
  const given = [
    ...s.loraAlpha > 0 ? ["--lora-alpha"] : [],
    ...s.loraTargets === "all" ? [] : ["--lora-targets"],
    ...s.rsLora ? ["--rs-lora"] : [],
    ...s.dora ? ["--dora"] : [],
  ];
  if (s.adapter !== null && s.loraRank > 0) {
    return ["Cannot read --lora-rank as --adapter says the rank: give one of them"];
  }
  if (s.loraRank === 0 && given.length > 0) {
    const rule = s.adapter === null ? "there is no adapter: give --lora-rank, too" : "the --adapter says it";
    return [`Cannot read ${given.join(", ")} as ${rule}`];
  }
  const unknown = targetsOf(s)?.find((name) => !Object.hasOwn(TARGETS, name));
  return unknown === undefined ? [] : [
    `Cannot read --lora-targets as it must name some of q,k,v,o,gate,up,down with commas between: one is "${unknown}"`,
  ];
}

function targetsOf({ loraTargets }: Lora): readonly string[] | undefined {
  return loraTargets === "all" ? undefined : loraTargets.split(",").map((name) => name.trim().replace(/_proj$/, ""));
}

function adapting(s: Lora): Stage<Pick<PolicyState, "config" | "policy">, Pick<PolicyState, "policy">> {
  const faults = faultsOf(s), { adapter, loraRank: rank, loraAlpha: alpha, rsLora, dora } = s;
  if (faults.length > 0) return attempt("adaptPolicy", () => inputFailure(...faults), { needs: [], adds: ["policy"] });
  if (adapter !== null) return loadPolicyAdapter(() => loadAdapter(adapter), { name: adapter });
  const targets = targetsOf(s)?.map((name) => TARGETS[name] as Projection);
  return adaptPolicy({ rank, rsLora, dora, ...alpha > 0 && { alpha }, ...targets !== undefined && { targets } });
}

/** How many numbers the adapter has that these settings train. */
export async function adapterNumbers(s: Lora, config: DecoderConfig): Promise<Result<Failure, number>> {
  const { adapter, loraRank: rank } = s;
  if (adapter !== null) {
    const stored = await loadAdapter(adapter);
    if (stored._tag === "Left") return stored;
    return right([...stored.right.tensors.values()].reduce((sum, t) => sum + t.data.length, 0));
  }
  const names = targetsOf(s)?.map((name) => TARGETS[name]) ?? Object.values(TARGETS);
  let numbers = 0;
  decoderTree(config, (path, shape) => {
    const [out = 0, inner = 0] = shape, name = /^layers\.\d+\.(\w+)$/.exec(path)?.[1];
    if (names.includes(name as Projection)) numbers += rank * (out + inner) + (s.dora ? out : 0);
    return undefined as unknown as Tensor; // the tree is not looked at
  });
  return right(numbers);
}

/** The stage that makes a policy, which gets an adapter if these settings train one. */
export function withAdapterOf<Needs extends VocabularyState>(
  s: Lora,
  stage: Stage<Needs, Pick<PolicyState, "policy">>,
): Stage<Needs, Pick<PolicyState, "policy">> {
  if (!isAdapted(s) && faultsOf(s).length === 0) return stage;
  const stages: readonly Stage<never, object>[] = [stage, adapting(s)];
  return pipeline("adapted", stages) as Stage<Needs, Pick<PolicyState, "policy">>;
}
