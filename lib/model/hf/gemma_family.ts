/** Gemma 2 and 3: norms around everything with weights beside 1, scaled embeddings, caps, windows in turn. */
import type { DecoderConfig, RotaryPositions } from "../architecture.ts";
import type { ConfigReader } from "./config_reader.ts";
import { attentionBias, type Defaults, gated, isLocal, llamaLike, windowOf, withRope } from "./common_fields.ts";
import { anglesOf } from "./rope.ts";

/** What Gemma 2 and 3 share. */
function gemma(file: ConfigReader, own: Pick<Defaults, "vocab" | "context">): DecoderConfig {
  const config = llamaLike(file, {
    ...{ hidden: 2304, mlp: 9216, layers: 26, heads: 8, kvHeads: 4, headDim: 256, eps: 1e-6, tied: true, ...own },
  });
  file.harmless(["hidden_act"]); // hidden_activation alone is read
  return {
    ...config,
    norm: { type: "rms", eps: config.norm.eps, offset: 1, placement: "both" },
    attention: {
      ...config.attention,
      scale: file.number("query_pre_attn_scalar", 256) ** -0.5,
      ...attentionBias(file),
    },
    mlp: gated(file, "hidden_activation", config.mlp.size),
    embeddingScale: Math.sqrt(config.hiddenSize),
  };
}

/** The caps of scores and logits. */
function caps(file: ConfigReader, config: DecoderConfig, scores: number | null, logits: number | null): DecoderConfig {
  const softcap = file.numberOrNone("attn_logit_softcapping", scores);
  const logitSoftcap = file.numberOrNone("final_logit_softcapping", logits);
  return {
    ...config,
    attention: { ...config.attention, ...softcap !== null && { softcap } },
    ...logitSoftcap !== null && { logitSoftcap },
  };
}

/** Gemma 2: every other layer sees a window. */
export function gemma2(file: ConfigReader): DecoderConfig {
  const config = withRope(file, gemma(file, { vocab: 256_000, context: 8192 }));
  const local = isLocal(file, config.layers, (i) => i % 2 === 0);
  const window = windowOf(file.countOrNone("sliding_window", 4096), local);
  return caps(file, { ...config, attention: { ...config.attention, ...window } }, 50, 30);
}

/** Gemma 3, its text model: layers with a window have angles of their own. */
export function gemma3(file: ConfigReader): DecoderConfig {
  const config = gemma(file, { vocab: 262_208, context: 131_072 });
  const { layers, contextLength, attention } = config, { headDim } = attention;
  const every = file.count("sliding_window_pattern", 6);
  file.harmless(["_sliding_window_pattern"]); // what transformers keeps beside layer_types
  const local = isLocal(file, layers, (i) => (i + 1) % every !== 0);
  const both = file.record("rope_parameters"), hub = file.record("rope_scaling");
  const angles = (name: string, record: ConfigReader | null, theta: number): RotaryPositions =>
    anglesOf(record ?? both?.record(name) ?? null, { theta, headDim, contextLength });
  const full = angles("full_attention", hub, file.number("rope_theta", 1_000_000));
  const sliding = angles("sliding_attention", null, file.number("rope_local_base_freq", 10_000));
  return caps(
    file,
    {
      ...config,
      positions: { type: "byLayer", layers: local.map((is) => is ? sliding : full) },
      attention: {
        ...attention,
        queryKeyNorm: "head",
        ...windowOf(file.countOrNone("sliding_window", 4096), local),
      },
    },
    null,
    null,
  );
}
