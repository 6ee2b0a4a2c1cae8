/**
 * Preference alignment of language models in TypeScript: Bradley–Terry, DPO and the pipelines around them, as pure
 * functions over immutable tensors.
 *
 * @module
 */
export * from "./lib/data/batches.ts";
export * from "./lib/data/chat.ts";
export type { DropReason, Issue, Place } from "./lib/data/issue.ts";
export * from "./lib/data/load.ts";
export * from "./lib/data/overflow.ts";
export * from "./lib/data/pair.ts";
export * from "./lib/data/report.ts";
export * from "./lib/data/split.ts";
export * from "./lib/data/token_pair.ts";
export * from "./lib/data/tokenizer.ts";
export * from "./lib/data/tokenizer_from_json.ts";
export * from "./lib/data/tokenizer_json.ts";
export * from "./lib/data/train_tokenizer.ts";
export * from "./lib/evaluation/interval.ts";
export { contentHash } from "./lib/flow/content_hash.ts";
export type { Checkpoint, Identity, Packed } from "./lib/flow/checkpoint.ts";
export * from "./lib/flow/event.ts";
export * from "./lib/flow/pipeline.ts";
export * from "./lib/flow/run.ts";
export * from "./lib/flow/setting.ts";
export * from "./lib/flow/settings.ts";
export * from "./lib/flow/stage.ts";
export * from "./lib/grad/check_grads.ts";
export * from "./lib/grad/layers.ts";
export * from "./lib/grad/ops.ts";
export * from "./lib/grad/value_and_grad.ts";
export * from "./lib/io/files.ts";
export * from "./lib/losses/dpo.ts";
export * from "./lib/losses/sft.ts";
export * from "./lib/model/decoder.ts";
export * from "./lib/model/generate.ts";
export * from "./lib/model/logps.ts";
export * from "./lib/model/sampling.ts";
export * from "./lib/optim/adamw.ts";
export * from "./lib/optim/clip.ts";
export * from "./lib/optim/schedule.ts";
export * from "./lib/optim/transform.ts";
export * from "./lib/ranking/mod.ts";
export * from "./lib/report/progress.ts";
export * from "./lib/report/table.ts";
export * from "./lib/result.ts";
export * from "./lib/stages/dpo_update.ts";
export * from "./lib/stages/evaluate_likelihood.ts";
export * from "./lib/stages/evaluate_pairs.ts";
export * from "./lib/stages/evaluate_replies.ts";
export * from "./lib/stages/init_policy.ts";
export * from "./lib/stages/load_pairs.ts";
export * from "./lib/stages/reference.ts";
export * from "./lib/stages/sft_update.ts";
export * from "./lib/stages/state.ts";
export * from "./lib/stages/tokenize.ts";
export * from "./lib/stages/update.ts";
export * from "./lib/tensor/mean.ts";
export * from "./lib/tensor/ragged.ts";
export * from "./lib/tensor/random.ts";
export * from "./lib/tensor/scope.ts";
export * from "./lib/tensor/tensor.ts";
export * from "./lib/tensor/tree.ts";
export { openKernels } from "./lib/kernels/provider.ts";
