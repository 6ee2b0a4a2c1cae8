/**
 * Where a file has the decoder's parameters: the names of its tensors, which of them hold several parameters one below
 * the other (fused projections), and which lie transposed. Reading and writing both follow this one description.
 */
import { type DecoderConfig, decoderTree } from "../decoder.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ModelType } from "./decoder_config.ts";

/** A parameter of the decoder, by its path in the tree, and its shape. */
export interface Part {
  readonly path: string;
  readonly shape: readonly number[];
}

/** A tensor of a file: its parts' rows one below the other, all of it transposed or not. */
export interface FileTensor {
  readonly name: string;
  /** As the file has it. */
  readonly shape: readonly number[];
  /** Whether the file has the matrix as `[in, out]`. */
  readonly transposed: boolean;
  readonly parts: readonly Part[];
}

/** Names of modules. */
interface Names {
  /** What stands before all names but the head's; files of a trunk alone have nothing there. */
  readonly prefix: string;
  /** What stands before the number of a layer. */
  readonly layers: string;
  /** Of the parameters outside layers. */
  readonly trunk: Readonly<Record<string, string>>;
  /** Of the parameters within a layer; several of one name are one tensor, in the order of the tree. */
  readonly layer: Readonly<Record<string, string>>;
  /** Whether the matrices within layers are `[in, out]`. */
  readonly transposed?: boolean;
  /** Tensors that are no weights: masks, frequencies. */
  readonly buffers: RegExp;
}

const LLAMA: Names = {
  prefix: "model.",
  layers: "layers",
  trunk: { embedding: "embed_tokens", norm: "norm" },
  layer: {
    attentionNorm: "input_layernorm",
    query: "self_attn.q_proj",
    key: "self_attn.k_proj",
    value: "self_attn.v_proj",
    queryNorm: "self_attn.q_norm",
    keyNorm: "self_attn.k_norm",
    output: "self_attn.o_proj",
    mlpNorm: "post_attention_layernorm",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
  },
  buffers: /(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$/,
};

const PHI3: Names = {
  ...LLAMA,
  layer: {
    ...LLAMA.layer,
    ...{ query: "self_attn.qkv_proj", key: "self_attn.qkv_proj", value: "self_attn.qkv_proj" },
    ...{ gate: "mlp.gate_up_proj", up: "mlp.gate_up_proj" },
  },
};

const GEMMA: Names = {
  ...LLAMA,
  layer: {
    ...LLAMA.layer,
    attentionPostNorm: "post_attention_layernorm",
    mlpNorm: "pre_feedforward_layernorm",
    mlpPostNorm: "post_feedforward_layernorm",
  },
};

const OLMO2: Names = {
  ...LLAMA,
  layer: {
    ...LLAMA.layer,
    attentionPostNorm: "post_attention_layernorm",
    mlpPostNorm: "post_feedforward_layernorm",
  },
};

const GPT2: Names = {
  prefix: "transformer.",
  layers: "h",
  trunk: { embedding: "wte", positions: "wpe", norm: "ln_f" },
  layer: {
    attentionNorm: "ln_1",
    ...{ query: "attn.c_attn", key: "attn.c_attn", value: "attn.c_attn" },
    output: "attn.c_proj",
    mlpNorm: "ln_2",
    up: "mlp.c_fc",
    down: "mlp.c_proj",
  },
  transposed: true,
  buffers: /(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/,
};

const NAMES: Readonly<Record<ModelType, Names>> = {
  ...{ gpt2: GPT2, llama: LLAMA, mistral: LLAMA, qwen2: LLAMA, qwen3: LLAMA, smollm3: LLAMA, phi3: PHI3, olmo2: OLMO2 },
  ...{ gemma2: GEMMA, gemma3_text: GEMMA },
};

/** The name of the language-model head, whether it is a parameter of its own or not. */
export const HEAD = "lm_head.weight";

/** The prefix of names in files of a language model. */
export function prefixOf(modelType: ModelType): string {
  return NAMES[modelType].prefix;
}

/** Whether a tensor of a file is no weight: it follows from the config. */
export function isBuffer(modelType: ModelType, name: string): boolean {
  return NAMES[modelType].buffers.test(name);
}

/** The tensors of a file of this architecture, in the order of the decoder's tree. */
export function layoutOf(
  modelType: ModelType,
  config: DecoderConfig,
  prefix: string = prefixOf(modelType),
): readonly FileTensor[] {
  const parts = new Map<string, Part[]>();
  decoderTree(config, (path, shape) => {
    const name = tensorName(modelType, path, prefix);
    parts.set(name, [...parts.get(name) ?? [], { path, shape }]);
    return undefined as unknown as Tensor; // the tree is not looked at
  });
  return Array.from(parts, ([name, parts]) => {
    const [first] = parts as [Part, ...Part[]];
    const shape = [parts.reduce((rows, { shape: [out = 0] }) => rows + out, 0), ...first.shape.slice(1)];
    const transposed = NAMES[modelType].transposed === true && shape.length === 2 && first.path.startsWith("layers.");
    return { name, shape: transposed ? shape.toReversed() : shape, transposed, parts };
  });
}

/** The name of the tensor that the parameter at a path of our tree is in. */
export function tensorName(modelType: ModelType, path: string, prefix: string = prefixOf(modelType)): string {
  if (path === "head") return HEAD;
  const { layers, trunk, layer } = NAMES[modelType];
  const [, index, inner = path] = /^layers\.(\d+)\.(\w+)$/.exec(path) ?? [];
  const base = inner.replace(/Bias$/, ""), kind = base === inner ? "weight" : "bias";
  return index === undefined ? `${prefix}${trunk[base]}.${kind}` : `${prefix}${layers}.${index}.${layer[base]}.${kind}`;
}
