/** Llama and its kin: Mistral, Qwen, SmolLM 3, Phi-3, OLMo 2; each with the defaults of transformers. */
import type { AttentionConfig, DecoderConfig, NoPositions, RotaryPositions } from "../architecture.ts";
import type { ConfigReader } from "./config_reader.ts";
import {
  attentionBias,
  type Defaults,
  gated,
  isLocal,
  llamaLike,
  mlpBias,
  windowOf,
  withRope,
} from "./common_fields.ts";

/** Llama 1 to 3, SmolLM 1 and 2, and the many that bear its name. */
export function llama(file: ConfigReader): DecoderConfig {
  const config = withRope(
    file,
    llamaLike(file, {
      ...{ vocab: 32_000, hidden: 4096, mlp: 11_008, layers: 32, heads: 32, context: 2048, eps: 1e-6, tied: false },
    }),
  );
  return {
    ...config,
    attention: { ...config.attention, ...attentionBias(file) },
    mlp: { ...gated(file, "hidden_act", config.mlp.size), ...mlpBias(file) },
  };
}

/** Mistral: every layer sees a window, or none. */
export function mistral(file: ConfigReader): DecoderConfig {
  const config = withRope(
    file,
    llamaLike(file, {
      ...{ vocab: 32_000, hidden: 4096, mlp: 14_336, layers: 32, heads: 32, kvHeads: 8, context: 131_072, eps: 1e-6 },
      tied: false,
    }),
  );
  const window = file.countOrNone("sliding_window", 4096);
  return {
    ...config,
    attention: { ...config.attention, ...window !== null && { window } },
    mlp: gated(file, "hidden_act", config.mlp.size),
  };
}

/** Qwen 2 and 2.5: biases of queries, keys and values. */
export function qwen2(file: ConfigReader): DecoderConfig {
  return qwen(file, {}, { bias: "queryKeyValue" });
}

/** Qwen 3: norms of queries and keys instead. */
export function qwen3(file: ConfigReader): DecoderConfig {
  return qwen(file, { headDim: 128 }, { queryKeyNorm: "head", ...attentionBias(file) });
}

/** Both: windows only where they are switched on, from layer `max_window_layers` on. */
function qwen(file: ConfigReader, own: Pick<Defaults, "headDim">, attention: Partial<AttentionConfig>): DecoderConfig {
  const config = withRope(
    file,
    llamaLike(file, {
      ...{ vocab: 151_936, hidden: 4096, mlp: 22_016, layers: 32, heads: 32, kvHeads: 32, context: 32_768, eps: 1e-6 },
      ...{ tied: false, ...own },
    }),
  );
  const size = file.countOrNone("sliding_window", 4096), from = file.count("max_window_layers", 28, { least: 0 });
  const window = file.flag("use_sliding_window", false) ? size : null;
  const local = isLocal(file, config.layers, (i) => i >= from);
  return {
    ...config,
    attention: { ...config.attention, ...attention, ...windowOf(window, local) },
    mlp: gated(file, "hidden_act", config.mlp.size),
  };
}

/** SmolLM 3: some layers are not told of positions. */
export function smollm3(file: ConfigReader): DecoderConfig {
  const config = withRope(
    file,
    llamaLike(file, {
      ...{ vocab: 128_256, hidden: 2048, mlp: 11_008, layers: 36, heads: 16, kvHeads: 4, context: 32_768, eps: 1e-6 },
      tied: true,
    }),
    2_000_000,
  );
  file.harmless(["max_window_layers"]);
  const { layers } = config, every = file.count("no_rope_layer_interval", 4);
  const turned = file.list("no_rope_layers", [0, 1], layers) ??
    Array.from({ length: layers }, (_, i) => (i + 1) % every === 0 ? 0 : 1);
  const rope = config.positions as RotaryPositions, none: NoPositions = { type: "none" };
  const size = file.countOrNone("sliding_window", null);
  const window = file.flag("use_sliding_window", false) ? size : null;
  const local = isLocal(file, layers, (i) => turned[i] === 0);
  return {
    ...config,
    positions: turned.includes(0) ? { type: "byLayer", layers: turned.map((is) => is === 1 ? rope : none) } : rope,
    attention: { ...config.attention, ...attentionBias(file), ...windowOf(window, local) },
    mlp: { ...gated(file, "hidden_act", config.mlp.size), ...mlpBias(file) },
  };
}

/** Phi-3: perhaps a part of each head is turned. */
export function phi3(file: ConfigReader): DecoderConfig {
  const config = withRope(
    file,
    llamaLike(file, {
      ...{ vocab: 32_064, hidden: 3072, mlp: 8192, layers: 32, heads: 32, context: 4096, eps: 1e-5, tied: false },
    }),
    10_000,
    true,
  );
  const window = file.countOrNone("sliding_window", null);
  for (const name of ["attention_bias", "mlp_bias"]) file.only(name, false);
  return {
    ...config,
    attention: { ...config.attention, ...window !== null && { window } },
    mlp: gated(file, "hidden_act", config.mlp.size),
  };
}

/** OLMo 2: norms behind attention and MLP, and of whole queries and keys. */
export function olmo2(file: ConfigReader): DecoderConfig {
  const config = withRope(
    file,
    llamaLike(file, {
      ...{ vocab: 50_304, hidden: 4096, mlp: 11_008, layers: 32, heads: 32, context: 2048, eps: 1e-5, tied: false },
    }),
  );
  return {
    ...config,
    norm: { type: "rms", eps: config.norm.eps, placement: "after" },
    attention: { ...config.attention, queryKeyNorm: "projection", ...attentionBias(file) },
    mlp: gated(file, "hidden_act", config.mlp.size),
  };
}
