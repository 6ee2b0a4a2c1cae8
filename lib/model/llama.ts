/** The names and the config under which others know the decoder: those of a Llama in Hugging Face's form. */
import { left, type Result, right } from "../result.ts";
import { showShape, type Tensor } from "../tensor/tensor.ts";
import { leaves } from "../tensor/tree.ts";
import { type DecoderConfig, type DecoderParams, decoderTree } from "./decoder.ts";
import type { ModelForm } from "./hf/form.ts";
import { prefixOf, tensorName } from "./hf/layout.ts";

/** The name that the tensor at a path of our tree has in a Llama's file. */
export function llamaName(path: string): string {
  return tensorName("llama", path);
}

/** Parameters of a decoder by the names of a Llama's file; matrices and rotary halves lie as they do there. */
export function llamaTensors(params: DecoderParams): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(leaves(params).map(([path, t]) => [llamaName(path), t]));
}

/** The decoder's parameters among the tensors of a Llama's file; or the rule that they break: `it must …`. */
export function llamaParams(
  tensors: ReadonlyMap<string, Tensor>,
  config: DecoderConfig,
): Result<string, DecoderParams> {
  const faults: string[] = [];
  const params = decoderTree(config, (path, shape) => {
    const name = llamaName(path), found = tensors.get(name);
    if (found === undefined) faults.push(`it must have ${name}`);
    else if (showShape(found.shape) !== showShape(shape)) {
      faults.push(`${name} must be ${showShape(shape)}: it is ${showShape(found.shape)}`);
    }
    return found as Tensor;
  });
  return faults.length > 0 ? left(faults.join("; ")) : right(params);
}

/** Whether a decoder is a Llama without anything beside. */
function isLlama({ norm, positions, attention, mlp, embeddingScale, logitSoftcap }: DecoderConfig): boolean {
  const { heads: _, kvHeads: __, headDim: ___, ...beside } = attention;
  return norm.type === "rms" && Object.keys(norm).length === 2 && Object.keys(positions).length === 2 &&
    Object.keys(beside).length === 0 && mlp.type === "gatedSilu" && mlp.bias !== true &&
    embeddingScale === undefined && logitSoftcap === undefined;
}

/** The content of a Llama's `config.json`, but for what depends on the tokenizer and the head. */
export function llamaConfig(config: DecoderConfig): Readonly<Record<string, unknown>> {
  const { attention: { heads, kvHeads, headDim }, positions } = config;
  if (!isLlama(config) || positions.type !== "rotary") {
    throw new TypeError("Cannot write a Llama's config as the decoder is none");
  }
  return {
    model_type: "llama",
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.mlp.size,
    num_hidden_layers: config.layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    hidden_act: "silu",
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.norm.eps,
    rope_theta: positions.theta,
    tie_word_embeddings: config.tiedEmbeddings,
    attention_bias: false,
    mlp_bias: false,
    torch_dtype: "float32",
  };
}

/** The form in which a decoder that came from no file is written: a Llama's. @throws {TypeError} if it is none */
export function llamaForm(config: DecoderConfig): ModelForm {
  return { modelType: "llama", json: llamaConfig(config), prefix: prefixOf("llama"), dtypes: {} };
}
