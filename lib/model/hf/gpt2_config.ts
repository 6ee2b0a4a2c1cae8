/** GPT-2: learned positions, layer norms and biases everywhere. */
import type { DecoderConfig, MlpConfig } from "../architecture.ts";
import type { ConfigReader } from "./config_reader.ts";
import { MOST_LAYERS } from "./common_fields.ts";

/** GPT-2, with the defaults of transformers. */
export function gpt2(file: ConfigReader): DecoderConfig {
  const hiddenSize = file.count("n_embd", 768), heads = file.count("n_head", 12);
  if (hiddenSize % heads !== 0) file.fault(`n_head must divide n_embd: they are ${heads} and ${hiddenSize}`);
  file.harmless(["n_ctx"]); // n_positions alone is read
  return {
    vocabSize: file.count("vocab_size", 50_257),
    hiddenSize,
    layers: file.count("n_layer", 12, { most: MOST_LAYERS }),
    contextLength: file.count("n_positions", 1024),
    norm: { type: "layer", eps: file.number("layer_norm_epsilon", 1e-5) },
    positions: { type: "learned" },
    attention: { heads, kvHeads: heads, headDim: Math.floor(hiddenSize / heads), bias: "all" },
    mlp: { ...activation(file), size: file.count("n_inner", 4 * hiddenSize), bias: true },
    tiedEmbeddings: file.flag("tie_word_embeddings", true),
  };
}

function activation(file: ConfigReader): Pick<MlpConfig & { type: "gelu" }, "type" | "approximate"> {
  const name = file.choice("activation_function", ["gelu_new", "gelu", "gelu_pytorch_tanh"], "gelu_new");
  return { type: "gelu", approximate: name === "gelu" ? "none" : "tanh" };
}
