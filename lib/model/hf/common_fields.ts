/** What the architectures have in common, read from a `config.json`. */
import type { AttentionConfig, DecoderConfig, MlpConfig } from "../architecture.ts";
import type { ConfigReader } from "./config_reader.ts";
import { ropeOf } from "./rope.ts";

/** Values of fields that are absent from a file. */
export interface Defaults {
  readonly vocab: number;
  readonly hidden: number;
  readonly mlp: number;
  readonly layers: number;
  readonly heads: number;
  /** Default: as many as there are heads. */
  readonly kvHeads?: number;
  /** Default: hidden / heads. */
  readonly headDim?: number;
  readonly context: number;
  readonly eps: number;
  readonly tied: boolean;
}

/** More than any model has; a tree of so many is small. */
export const MOST_LAYERS = 1000;

/** What most architectures have in common with Llama, but for positions, windows and biases. */
export function llamaLike(file: ConfigReader, defaults: Defaults): DecoderConfig {
  const hiddenSize = file.count("hidden_size", defaults.hidden);
  const heads = file.count("num_attention_heads", defaults.heads);
  const kvHeads = file.count( // null says: as many as there are heads
    "num_key_value_heads",
    file.names.includes("num_key_value_heads") ? heads : defaults.kvHeads ?? heads,
  );
  const headDim = file.count("head_dim", defaults.headDim ?? Math.floor(hiddenSize / heads));
  if (heads % kvHeads !== 0) {
    file.fault(`num_key_value_heads must divide num_attention_heads: they are ${kvHeads} and ${heads}`);
  }
  const contextLength = file.count("max_position_embeddings", defaults.context);
  return {
    vocabSize: file.count("vocab_size", defaults.vocab),
    hiddenSize,
    layers: file.count("num_hidden_layers", defaults.layers, { most: MOST_LAYERS }),
    contextLength,
    norm: { type: "rms", eps: file.number("rms_norm_eps", defaults.eps) },
    positions: { type: "rotary", theta: 10_000 },
    attention: { heads, kvHeads, headDim },
    mlp: { type: "gatedSilu", size: file.count("intermediate_size", defaults.mlp) },
    tiedEmbeddings: file.flag("tie_word_embeddings", defaults.tied),
  };
}

/** The config with its rotary positions read; of LongRoPE the context is the one whose angles are known, the original. */
export function withRope(file: ConfigReader, config: DecoderConfig, theta = 10_000, partial = false): DecoderConfig {
  const { contextLength, attention: { headDim } } = config;
  const positions = ropeOf(file, { theta, headDim, contextLength, partial }), { scaling } = positions;
  if (scaling?.type !== "longrope") return { ...config, positions };
  return { ...config, positions, contextLength: Math.min(contextLength, scaling.originalContextLength) };
}

/** The activation of a gated MLP. */
export function gated(file: ConfigReader, name: "hidden_act" | "hidden_activation", size: number): MlpConfig {
  const usual = name === "hidden_act" ? "silu" : "gelu_pytorch_tanh";
  const act = file.choice(name, ["silu", "swish", "gelu_pytorch_tanh", "gelu_new", "gelu"], usual);
  if (act === "silu" || act === "swish") return { type: "gatedSilu", size };
  return { type: "gatedGelu", size, approximate: act === "gelu" ? "none" : "tanh" };
}

/** Biases of all four projections. */
export const attentionBias = (file: ConfigReader): Pick<AttentionConfig, "bias"> =>
  file.flag("attention_bias", false) ? { bias: "all" } : {};

/** Biases of the MLP. */
export const mlpBias = (file: ConfigReader): Pick<MlpConfig, "bias"> =>
  file.flag("mlp_bias", false) ? { bias: true } : {};

const KINDS = ["full_attention", "sliding_attention"] as const;

/** Which layers see a window only: as `layer_types` says it, or by a rule. */
export function isLocal(file: ConfigReader, layers: number, rule: (layer: number) => boolean): readonly boolean[] {
  const types = file.list("layer_types", KINDS, layers);
  return Array.from({ length: layers }, (_, i) => types === null ? rule(i) : types[i] === "sliding_attention");
}

/** A window of some layers; none of them, no window at all. */
export function windowOf(window: number | null, local: readonly boolean[]): Pick<AttentionConfig, "window"> {
  if (window === null || !local.includes(true)) return {};
  return { window: local.includes(false) ? local.map((is) => is ? window : null) : window };
}
