/** Fields of a `config.json` that change nothing of what a decoder computes on given tokens. */

/** In models of every kind. */
export const HARMLESS: readonly string[] = [
  // what the file is, and who wrote it
  ...["architectures", "model_type", "torch_dtype", "dtype", "transformers_version", "_name_or_path", "auto_map"],
  ...[
    "tokenizer_class",
    "transformers.js_config",
    "unsloth_version",
    "unsloth_fixed",
    "is_llama_config",
    "name_or_path",
  ],
  ...["_commit_hash", "_from_model_config", "finetuning_task", "task_specific_params", "prefix"],
  // tokens, which the tokenizer's files and the generation config say again
  ...["bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "sep_token_id", "decoder_start_token_id"],
  ...["bos_token", "eos_token", "pad_token", "tokenizer_model_max_length", "tokenizer_padding_side"],
  // how to start training, and dropout, which is never applied here
  ...["initializer_range", "attention_dropout", "hidden_dropout", "dropout", "attn_pdrop", "embd_pdrop", "resid_pdrop"],
  ...["gradient_checkpointing", "classifier_dropout", "router_aux_loss_coef"],
  // how to compute the same
  ...["use_cache", "pretraining_tp", "cache_implementation", "_attn_implementation", "attn_implementation"],
  ...["_attn_implementation_autoset", "_flash_attn_2_enabled", "is_decoder"],
  ...["reorder_and_upcast_attn", "chunk_size_feed_forward", "use_bfloat16", "torchscript", "tf_legacy_loss"],
  // what to return
  ...["output_attentions", "output_hidden_states", "return_dict", "use_return_dict", "problem_type"],
  ...["id2label", "label2id", "num_labels", "_num_labels", "reward_mean", "reward_deviation"],
  ...["summary_type", "summary_use_proj", "summary_activation", "summary_first_dropout", "summary_proj_to_labels"],
  // how to sample, in files older than generation_config.json
  ...[
    "max_length",
    "min_length",
    "do_sample",
    "early_stopping",
    "num_beams",
    "num_beam_groups",
    "temperature",
    "top_k",
  ],
  ...["top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "bad_words_ids"],
  ...["num_return_sequences", "output_scores", "return_dict_in_generate", "forced_bos_token_id", "diversity_penalty"],
  ...["forced_eos_token_id", "remove_invalid_values", "encoder_no_repeat_ngram_size", "begin_suppress_tokens"],
  ...["exponential_decay_length_penalty", "suppress_tokens"],
];

/** Fields that would change it with any other value, in models of every kind. */
export const ONLY: Readonly<Record<string, unknown>> = {
  is_encoder_decoder: false,
  add_cross_attention: false,
  tie_encoder_decoder: false,
  pruned_heads: {},
  rope_interleaved: false,
  use_mrope: false,
  lm_head_bias: false,
  use_bidirectional_attention: false,
  scale_attn_by_inverse_layer_idx: false,
  scale_attn_weights: true,
};
