import { assert, assertEquals, assertThrows } from "@std/assert";
import { linear } from "../../lib/grad/layers.ts";
import { type DecoderParams, headOf, initDecoder } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import { type Adapter, type AdapterOptions, initAdapter, withAdapter } from "../../lib/model/lora.ts";
import { type FileMatrix, type PeftFiles, readPeft, writePeft } from "../../lib/model/peft.ts";
import { left } from "../../lib/result.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { size, type Tensor, tensor, zeros } from "../../lib/tensor/tensor.ts";
import { treeMap } from "../../lib/tensor/tree.ts";
import { assertNear } from "../oracles.ts";
import { config } from "../stages/tiny.ts";
import { llamaLayout } from "./shared_models.ts";

const base = initDecoder(key(1), config, "f64");
const layout = llamaLayout(config);
const attention = "base_model.model.model.layers.0.self_attn";

/** The same model's file with queries, keys and values in one matrix, and gate and up in another. */
const fused: readonly FileMatrix[] = [
  ["self_attn.qkv_proj", ["query", "key", "value"]] as const,
  ["self_attn.o_proj", ["output"]] as const,
  ["mlp.gate_up_proj", ["gate", "up"]] as const,
  ["mlp.down_proj", ["down"]] as const,
].map(([name, parts]) => ({
  name: `model.layers.0.${name}.weight`,
  transposed: false,
  parts: parts.map((part) => ({ path: `layers.0.${part}`, shape: base.layers[0]?.[part]?.shape ?? [] })),
}));

/** An adapter whose every number is drawn. */
function drawn(options: AdapterOptions): Adapter {
  const noise = (t: Tensor, path: string): Tensor =>
    tensor(t.shape, normal(fold(key(7), path), size(t.shape)), t.dtype);
  return treeMap(noise, initAdapter(key(0), base, options));
}

function logits(adapter: Adapter): ArrayLike<number> {
  const params: DecoderParams = withAdapter(base, adapter);
  const text = pack([{ prompt: Int32Array.of(5, 9, 2, 7), completions: [] }]);
  return linear(hiddenStates(params, config, text), headOf(params)).data;
}

/** What is read of files. */
function readBack({ config, tensors }: PeftFiles, from: readonly FileMatrix[]): Adapter {
  const read = readPeft(from, JSON.parse(JSON.stringify(config)), new Map(Object.entries(tensors)));
  assert(read._tag === "Right", JSON.stringify(read));
  return read.right;
}

Deno.test("writePeft() names tensors and fields as PEFT does", () => {
  const { config, tensors } = writePeft(layout, drawn({ rank: 3, alpha: 6, targets: ["query", "down"] }), {
    base: "org/m",
  });
  assertEquals(Object.entries(tensors).map(([name, { shape }]) => [name, shape]), [
    [`${attention}.q_proj.lora_A.weight`, [3, 8]],
    [`${attention}.q_proj.lora_B.weight`, [8, 3]],
    ["base_model.model.model.layers.0.mlp.down_proj.lora_A.weight", [3, 12]],
    ["base_model.model.model.layers.0.mlp.down_proj.lora_B.weight", [8, 3]],
  ]);
  assertEquals(config, {
    base_model_name_or_path: "org/m",
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: 6,
    lora_dropout: 0,
    peft_type: "LORA",
    r: 3,
    alpha_pattern: {},
    rank_pattern: {},
    target_modules: ["down_proj", "q_proj"],
    task_type: "CAUSAL_LM",
    use_dora: false,
    use_rslora: false,
  });
});

const kinds: Readonly<Record<string, AdapterOptions>> = {
  LoRA: { rank: 2, alpha: 7 },
  rsLoRA: { rank: 3, alpha: 7, rsLora: true },
  DoRA: { rank: 2, alpha: 7, dora: true },
};

for (const [name, options] of Object.entries(kinds)) {
  Deno.test(`a ${name} that was written and read is the same adapter`, () => {
    const adapter = drawn(options);
    assertEquals(treeAsNumbers(readBack(writePeft(layout, adapter), layout)), treeAsNumbers(adapter));
  });
}

/** The adapter as numbers: of each change A, B, magnitudes and scale. */
function treeAsNumbers({ layers, rsLora }: Adapter): unknown {
  const numbers = (t?: Tensor): readonly number[] => [...t?.data ?? []];
  return [
    rsLora,
    layers.map((layer) =>
      Object.fromEntries(
        Object.entries(layer).map((
          [name, { a, b, magnitude, scale }],
        ) => [name, [a, b, magnitude].map(numbers), scale]),
      )
    ),
  ];
}

Deno.test("an adapter of separate projections goes into a fused one exactly, by rank, and comes back", () => {
  for (
    const options of [{ rank: 2 }, { rank: 2, targets: ["key", "up"] }, { rank: 2, rsLora: true }] as AdapterOptions[]
  ) {
    const adapter = drawn(options), files = writePeft(fused, adapter);
    const back = readBack(files, fused);
    assertNear(logits(back), logits(adapter), { rtol: 1e-12, atol: 1e-12 });
    assertEquals(treeAsNumbers(readBack(writePeft(fused, back), fused)), treeAsNumbers(back)); // now it stays
  }
  const { config, tensors } = writePeft(fused, drawn({ rank: 2, alpha: 4 }));
  assertEquals([config.r, config.lora_alpha], [6, 12]);
  assertEquals(config.rank_pattern, {
    "model.layers.0.self_attn.o_proj": 2,
    "model.layers.0.mlp.gate_up_proj": 4,
    "model.layers.0.mlp.down_proj": 2,
  });
  assertEquals(tensors[`${attention}.qkv_proj.lora_B.weight`]?.shape, [16, 6]);
});

Deno.test("a DoRA on separate projections is refused for a fused one, one with a common A is written", () => {
  const adapter = drawn({ rank: 2, dora: true });
  assertThrows(() => writePeft(fused, adapter), TypeError, "DoRA on model.layers.0.self_attn.qkv_proj must have one A");
  const [{ query, key, value }] = adapter.layers as [Required<Adapter["layers"][number]>];
  const common = { layers: [{ query, key: { ...key, a: query.a }, value: { ...value, a: query.a } }] };
  assertNear(logits(readBack(writePeft(fused, common), fused)), logits(common), { rtol: 1e-12, atol: 1e-12 });
});

Deno.test("rank_pattern and alpha_pattern are read by the ends of names", () => {
  const adapter = drawn({ rank: 2, alpha: 4 }), { config, tensors } = writePeft(layout, adapter);
  const read = readPeft(
    layout,
    { ...config, alpha_pattern: { q_proj: 10, "mlp.up_proj": 1, proj: 99 } },
    new Map(Object.entries(tensors)),
  );
  assert(read._tag === "Right");
  const { query, up, down } = read.right.layers[0] ?? {};
  assertEquals([query?.scale, up?.scale, down?.scale], [5, 0.5, 2]);
});

Deno.test("short names of targets mean no other module", () => {
  const gpt2: readonly FileMatrix[] = [["attn.c_proj", "output"], ["mlp.c_proj", "down"]].map(([name, part]) => ({
    name: `transformer.h.0.${name}.weight`,
    transposed: true,
    parts: [{ path: `layers.0.${part}`, shape: part === "output" ? [8, 8] : [8, 12] }],
  }));
  const { config } = writePeft(gpt2, drawn({ rank: 2, targets: ["output"] }));
  assertEquals([config.target_modules, config.fan_in_fan_out], [["attn.c_proj"], true]);
});

const whole = writePeft(layout, drawn({ rank: 2, targets: ["query"] }));

/** The rules that files break. */
function rules(
  json: Readonly<Record<string, unknown>>,
  tensors: Readonly<Record<string, Tensor>> = {},
): readonly string[] {
  const read = readPeft(
    layout,
    { ...whole.config, ...json },
    new Map(Object.entries({ ...whole.tensors, ...tensors })),
  );
  return read._tag === "Left" ? read.left : [];
}

Deno.test("what is no LoRA on plain projections is refused by the field or the tensor that says so", () => {
  assertEquals(rules({}), []);
  assertEquals(rules({ lora_dropout: 0.1, megatron_config: null, layer_replication: null, loftq_config: {} }), []);
  const config = (json: Readonly<Record<string, unknown>>): string => rules(json).join("; ");
  assertEquals(
    config({ peft_type: "IA3" }),
    'adapter_config.json: peft_type must be LORA, the one kind of adapter that is read: it is "IA3"',
  );
  assertEquals(
    config({ modules_to_save: ["lm_head"] }),
    'adapter_config.json: modules_to_save must not be there, what it changes is not computed: it is ["lm_head"]',
  );
  assertEquals(
    config({ bias: "all", lora_bias: true }),
    'adapter_config.json: bias must not be there, what it changes is not computed: it is "all"; ' +
      "adapter_config.json: lora_bias must not be there, what it changes is not computed: it is true",
  );
  assertEquals(
    config({ init_lora_weights: "pissa", r: 0 }),
    "adapter_config.json: r must be a whole number ≥ 1: it is 0; adapter_config.json: init_lora_weights must be one that " +
      'leaves the base as it was: true, false, gaussian, eva, orthogonal: it is "pissa"',
  );
  assertEquals(
    config({ rank_pattern: { ".*q_proj": 3 } }),
    'adapter_config.json: rank_pattern must be ranks by plain ends of module names: it is {".*q_proj":3}',
  );
  const q = `${attention}.q_proj.lora_A.weight`;
  assertEquals(rules({ r: 3 }), [
    `${q} must be [3, 8]: it is [2, 8]`,
    `${attention}.q_proj.lora_B.weight must be [8, 3]: it is [8, 2]`,
  ]);
  assertEquals(rules({ use_dora: true }), [`it must have ${attention}.q_proj.lora_magnitude_vector, [8]`]);
  assertEquals(rules({}, { [`${attention}.q_proj.lora_magnitude_vector`]: zeros("f64", [8]) }), [
    `${attention}.q_proj.lora_magnitude_vector must not be there without use_dora`,
  ]);
  assertEquals(rules({}, { "base_model.model.lm_head.lora_A.weight": zeros("f64", [2, 8]) }), [
    "base_model.model.lm_head.lora_A.weight is no tensor of an adapter for a projection of the model's layers",
  ]);
  assertEquals(rules({}, { [q]: tensor([2, 8], new Float64Array(16).fill(NaN), "f64") }), [
    `its weights must be finite: ${q} holds others`,
  ]);
  assertEquals(readPeft(layout, whole.config, new Map())._tag, "Left");
  assertEquals(readPeft(layout, [], new Map()), left(["adapter_config.json: it must be a record"]));
});
