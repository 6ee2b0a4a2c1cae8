/**
 * Preference alignment of language models in TypeScript: Bradley–Terry, DPO and the pipelines around them, as pure
 * functions over immutable tensors.
 *
 * This is the export list, room by room in the order of the house. A loss of your own is a function of tensors that
 * returns `Loss`; `update` makes a training stage of it, and `pipeline` puts stages in a row. What writes into a tensor's
 * memory is not exported.
 *
 * @module
 */

// Results at the edges: a failure or a value.
export { all, inputFailure, left, right, traverse } from "./lib/result.ts";
export type { ErrorOf, Failure, Result, Values } from "./lib/result.ts";

// Kernels: which provider computes.
export { type MemoryUse, memoryUse } from "./lib/kernels/memory.ts";
export { type Backend, type KernelOptions, type OpenedKernels, openKernels } from "./lib/kernels/provider.ts";
export type { Approximate, AttentionShape } from "./lib/kernels/kernels.ts";
export { type Half } from "./lib/kernels/half.ts";

// Tensors: immutable values, trees of them, lifetimes, randomness as an argument, means that join.
export { cast, copy, dispose, isTensor, item, scalar, size, tensor, zeros } from "./lib/tensor/tensor.ts";
export type { Dtype, HalfTensor, ReadonlyFloats, Tensor } from "./lib/tensor/tensor.ts";
export { leaves, treeMap } from "./lib/tensor/tree.ts";
export { scope } from "./lib/tensor/scope.ts";
export { choice, fold, integer, type Key, key, normal, permutation, split, uniform } from "./lib/tensor/random.ts";
export { divide, divideMeans, joinMeans, type Mean, meanOf, type Means } from "./lib/tensor/mean.ts";
export { type Batch, type Example, pack } from "./lib/tensor/ragged.ts";

// Gradients: operations with their derivatives, the backward walk, and the check that keeps both honest.
export {
  add,
  clamp,
  div,
  exp,
  log,
  logSigmoid,
  max,
  min,
  mul,
  neg,
  reshape,
  scale,
  segmentSum,
  shift,
  sigmoid,
  square,
  stopGradient,
  sub,
  sum,
} from "./lib/grad/ops.ts";
export { addRow, attention, chosenLogProbs, gatherRows, linear, take } from "./lib/grad/layers.ts";
export { gelu, geluGate, siluGate, softcap } from "./lib/grad/activations.ts";
export { layerNorm, rmsNorm } from "./lib/grad/norms.ts";
export { rotary, type RotaryScaling, type RotaryTable, rotaryTable } from "./lib/grad/rotary.ts";
export { type LowRank, lowRankLinear, scaleColumns } from "./lib/grad/low_rank.ts";
export { entropies } from "./lib/grad/entropies.ts";
export type { LogitOptions } from "./lib/grad/logits.ts";
export { accumulateGrads, type Gradient, type Loss, valueAndGrad } from "./lib/grad/value_and_grad.ts";
export { derive, type RowGradient, type Vjp } from "./lib/grad/primitive.ts";
export { checkGrads, type GradientCheck } from "./lib/grad/check_grads.ts";

// Models: one decoder described by data, log-probabilities of completions, generation.
export { decoderTree, headOf, initDecoder, parameterCount } from "./lib/model/decoder.ts";
export { type ForwardOptions, hiddenStates } from "./lib/model/forward.ts";
export type { DecoderParams, LanguageModel, LayerParams } from "./lib/model/decoder.ts";
export type {
  AttentionConfig,
  DecoderConfig,
  LayerNorm,
  LearnedPositions,
  MlpConfig,
  NoPositions,
  NormPlace,
  Positions,
  PositionsByLayer,
  RmsNorm,
  RotaryPositions,
} from "./lib/model/architecture.ts";
export { type AdaptedWeight, type LayerProduct, project, type Weight, type WeightChange } from "./lib/model/project.ts";
export { initAdapter, mergeAdapter, unmergeAdapter, withAdapter, withoutAdapter } from "./lib/model/lora.ts";
export type { Adapter, AdapterOptions, LayerAdapter, Projection } from "./lib/model/lora.ts";
export { heldIn } from "./lib/model/held_in.ts";
export { type TrainedPart, trainedPart, withTrained } from "./lib/model/trained.ts";
export { entropiesAt, logitsAt, logps, predictorStates, tokenLogps } from "./lib/model/logps.ts";
export { surprisals } from "./lib/model/surprise.ts";
export { initReward, lastTokens, rewards, values, valuesAt } from "./lib/model/heads.ts";
export type { RewardParams, RewardReading, ValueHead, ValueParams } from "./lib/model/heads.ts";
export { llamaConfig, llamaParams, llamaTensors } from "./lib/model/llama.ts";
export { decoderConfig, type ModelType, type ReadConfig } from "./lib/model/hf/decoder_config.ts";
export type { ModelForm } from "./lib/model/hf/form.ts";
export type { JsonRecord } from "./lib/model/hf/config_reader.ts";
export { decodeSafetensors, encodeSafetensors, type WeightDtype } from "./lib/model/safetensors.ts";
export type { StoredDtype } from "./lib/model/safetensors_header.ts";
export {
  type DrawnToken,
  generate,
  type Generated,
  type GenerateOptions,
  generateTokens,
} from "./lib/model/generate.ts";
export { type Continued, conversing, type DrawTokens } from "./lib/model/conversing.ts";
export { argmax, type Sampling, samplingDistribution } from "./lib/model/sampling.ts";

// Optimizers: transforms of gradients, and schedules.
export { adamw, type AdamwOptions, type AdamwState } from "./lib/optim/adamw.ts";
export { clipByGlobalNorm, globalNorm } from "./lib/optim/clip.ts";
export { constantSchedule, cosineSchedule, dpoAuthorsWarmup, linearSchedule } from "./lib/optim/schedule.ts";
export type { Phases, Schedule } from "./lib/optim/schedule.ts";
export { applyUpdates, chain, type Moved, moveParams, type Transform, type Updated } from "./lib/optim/transform.ts";

// Losses: functions of numbers, one for each published loss.
export { bradleyTerryLoss, type BradleyTerryOptions, type PairRewards } from "./lib/losses/bradley_terry.ts";
export type { PairTermOptions } from "./lib/losses/pair_terms.ts";
export { dpoLoss, type DpoOptions, type PairLogps } from "./lib/losses/dpo.ts";
export { sftLoss, type SftLossOptions, type SftOptions } from "./lib/losses/sft.ts";
export { type PpoClip, ppoLoss, type PpoOptions, type PpoTokens } from "./lib/losses/ppo.ts";
export { type ValueClip, valueLoss, type ValueOptions, type ValueTokens } from "./lib/losses/value.ts";
export { entropyBonus, type EntropyOptions } from "./lib/losses/entropy.ts";
export { klLoss, type KlLossOptions } from "./lib/losses/kl.ts";
export { reduce, type ReduceOptions, type Reduction } from "./lib/losses/reduction.ts";
export { weightedSum } from "./lib/losses/weighted_sum.ts";

// Reinforcement learning: estimators without gradients, on plain numbers.
export { bootstrapOf, type End, type MissingEos, scoreOf } from "./lib/rl/end.ts";
export { type ScoredTokens, type TokenRewardOptions, tokenRewardsOf } from "./lib/rl/token_rewards.ts";
export { type Advantages, gae, type Steps } from "./lib/rl/gae.ts";
export { whiten, type WhitenOptions } from "./lib/rl/whiten.ts";
export { checkKlPlacement, exactKl, klEstimates, type KlEstimator, type KlPlacement } from "./lib/rl/kl.ts";
export { type KlControl, updateKlControl } from "./lib/rl/kl_control.ts";
export { explainedVariance } from "./lib/rl/explained_variance.ts";
export { type BestOfN, bestOfN, bestOfNKlBound, bestOfNKlEstimate, bestOfNWinRate } from "./lib/rl/best_of_n.ts";
export { passAtK } from "./lib/rl/pass_at_k.ts";

// Data: from lines to pairs, from text to token ids, with an account of every row.
export { decodePair, type Pair } from "./lib/data/pair.ts";
export type { Reward, Sample } from "./lib/data/reward.ts";
export {
  type LoadOptions,
  pairReader,
  pairRowReader,
  readPairs,
  readUnpaired,
  unpairedReader,
} from "./lib/data/load.ts";
export type { ReadOptions } from "./lib/data/data_reader.ts";
export { ROW_SHAPES, type RowShape } from "./lib/data/shapes.ts";
export { decodeUnpaired, unpair, type UnpairedRow } from "./lib/data/unpaired.ts";
export { decodeRanked, type RankedPairs, rankedPairs, type RankedRow } from "./lib/data/ranked.ts";
export {
  countOf,
  type CutReason,
  type Loaded,
  type LoadReport,
  reportText,
  type SourceReport,
  type Tally,
} from "./lib/data/report.ts";
export { type DropReason, type Issue, type Place } from "./lib/data/issue.ts";
export { type PromptSplit, splitByPrompt } from "./lib/data/split.ts";
export { ASSISTANT, CHAT_TOKENS, END, USER } from "./lib/data/chat_tokens.ts";
export {
  decodeCompletion,
  encodeCompletion,
  encodePrompt,
  endIds,
  endsOf,
  promptMessages,
  specialId,
} from "./lib/data/chat.ts";
export type { Message, Prompt } from "./lib/data/chat.ts";
export { decode, encode, isIdTokenizer, isPretrained, type Tokenizer, vocabSizeOf } from "./lib/data/tokenizer.ts";
export type { BytePairTokenizer } from "./lib/data/byte_pair.ts";
export type { PretrainedTokenizer } from "./lib/data/pretrained.ts";
export {
  type ChatMessage,
  type ChatOptions,
  type ChatSegment,
  chatSegments,
  renderChat,
} from "./lib/data/chat_template.ts";
export type { Rendered } from "./lib/data/template/render.ts";
export type { Span } from "./lib/data/template/execute.ts";
export { encodeChat, type EncodedChat } from "./lib/data/pretrained_chat.ts";
export { type Offsets, tokenOffsets } from "./lib/data/token_offsets.ts";
export { type TextStream, textStream } from "./lib/data/text_stream.ts";
export { type ReadTokenizer, readTokenizer, TOKENIZER_FILES } from "./lib/data/read_tokenizer.ts";
export { trainTokenizer, type TrainTokenizerOptions } from "./lib/data/train_tokenizer.ts";
export { tokenizerFromJson } from "./lib/data/tokenizer_from_json.ts";
export { tokenizerJson } from "./lib/data/tokenizer_json.ts";
export type { AddedTokenJson, ByteLevelJson, TokenizerJson } from "./lib/data/tokenizer_json.ts";
export { decodeTokenPair, encodePair, isTokenPair, type PairRow, type TokenPair } from "./lib/data/token_pair.ts";
export { type IdTokenizer } from "./lib/data/id_tokenizer.ts";
export { encodeReplies, type ReplyRow, replyRowReader, type TokenReplyRow } from "./lib/data/reply_rows.ts";
export { fitPairs, type Overflow } from "./lib/data/overflow.ts";
export { batches, type BatchOptions } from "./lib/data/batches.ts";

// Rankings: strengths of items from comparisons, with errors, tests and what to compare next.
export {
  comparisons,
  comparisonsPerItem,
  mergeComparisons,
  selectComparisons,
  totalComparisons,
} from "./lib/ranking/comparisons.ts";
export type { ComparisonRows, Comparisons, Covariates } from "./lib/ranking/comparisons.ts";
export { comparisonReader, readComparisons } from "./lib/ranking/read_comparisons.ts";
export type { ReadComparisons, ReadComparisonsOptions } from "./lib/ranking/read_comparisons.ts";
export type { TableReader, TableRecord } from "./lib/table/table_reader.ts";
export { covariatesOf, itemCovariateReader, type ItemCovariates } from "./lib/ranking/read_item_covariates.ts";
export { fitStrengths, parameterNames } from "./lib/ranking/fit_strengths.ts";
export type { FitOptions, NoMaximum, StrengthFit } from "./lib/ranking/fit_strengths.ts";
export { type StrengthModel } from "./lib/ranking/design.ts";
export { type TieModel } from "./lib/ranking/outcome_model.ts";
export { type NewtonOptions } from "./lib/ranking/newton.ts";
export { type Existence, existence, type NoMaximumReason } from "./lib/ranking/existence.ts";
export { type Components } from "./lib/ranking/components.ts";
export { orderEffectError, referenceErrors, standardErrors, strengthCovariance } from "./lib/ranking/covariance.ts";
export type { Covariance, ErrorKind } from "./lib/ranking/covariance.ts";
export { differenceError, type StrengthErrors, strengthErrors } from "./lib/ranking/strength_errors.ts";
export { abilityCovariance, contrast, rankIntervals } from "./lib/ranking/contrasts.ts";
export type { AbilityCovariance, Adjustment, Contrast, RankIntervals, Strengths } from "./lib/ranking/contrasts.ts";
export { type OutcomeChances, outcomeChances, preferenceLabels } from "./lib/ranking/probabilities.ts";
export { type NextComparison, nextComparisons } from "./lib/ranking/next_comparisons.ts";
export { type PairMisfit, type TripleMisfit, worstPairs, worstTriples } from "./lib/ranking/misfit.ts";
export { goodnessOfFit, likelihoodRatioTest, termTests } from "./lib/ranking/likelihood_ratio.ts";
export type { ChiSquareTest, GoodnessOfFit } from "./lib/ranking/likelihood_ratio.ts";
export { chiSquareTail, normalQuantile } from "./lib/ranking/distributions.ts";
export { differenceDirection, type ProfileInterval, profileInterval } from "./lib/ranking/profile.ts";
export { quasiVariances } from "./lib/ranking/quasi_variances.ts";
export { fitRandomEffects, type RandomEffectsFit } from "./lib/ranking/random_effects.ts";
export { bootstrap, bootstrapInterval } from "./lib/ranking/bootstrap.ts";
export type { Bootstrap, BootstrapInterval, BootstrapOptions } from "./lib/ranking/bootstrap.ts";
export { fitPlackettLuce, plackettLuceCovariance } from "./lib/ranking/plackett_luce.ts";
export type { NoRankingMaximum, PlackettLuceFit, Rankings } from "./lib/ranking/plackett_luce.ts";
export { lsr, rankCentrality, type SpectralOptions } from "./lib/ranking/spectral.ts";
export { elo, ELO_PER_NAT, type EloOptions, eloScale, winRates } from "./lib/ranking/elo.ts";
export { fitWordStrengths, type TextPair, wordStrength, type WordStrengths } from "./lib/ranking/word_strengths.ts";

// Evaluation: estimates with their intervals, whether stated probabilities are worth what they say, and whether a policy
// exploits its reward.
export { meanEstimate, shareInterval, shareOfCeiling, shareWon, winRate } from "./lib/evaluation/interval.ts";
export type { Estimate, Share } from "./lib/evaluation/interval.ts";
export { brierScore, logLoss, probabilityOf, reliability, temperatureScale } from "./lib/evaluation/calibration.ts";
export type { Forecasts, Reliability, ReliabilityBin } from "./lib/evaluation/calibration.ts";
export { type Completion, distinctN, distinctShare } from "./lib/evaluation/diversity.ts";
export { type MonitorPoint } from "./lib/evaluation/monitor_point.ts";
export { analyseRewardHacking } from "./lib/evaluation/reward_hacking.ts";
export type {
  Change,
  DivergencePoint,
  RewardHacking,
  RewardHackingOptions,
  Saturation,
  WholeAndLater,
} from "./lib/evaluation/reward_hacking.ts";

// Diagnosis: what is wrong with preference pairs, without a model.
export { diagnosePairs, type DiagnosisOptions } from "./lib/diagnosis/diagnose.ts";
export { type ContextOptions, estimatedTokens, type PairLengths } from "./lib/diagnosis/context.ts";
export { type Finding, type FindingKind, type Severity } from "./lib/diagnosis/finding.ts";

// Flow: stages, pipelines, settings, and the one way to run them.
export { attempt, once, scan } from "./lib/flow/stage.ts";
export type {
  About,
  Attempt,
  Call,
  Context,
  Scan,
  Stage,
  StepContext,
  StepResult,
  StepTokens,
  Work,
} from "./lib/flow/stage.ts";
export { type AddsOf, type Fits, type Merge, type NeedsOf, pipeline, repeat } from "./lib/flow/pipeline.ts";
export { finish, type Foreseen, type Run, run, type RunOptions } from "./lib/flow/run.ts";
export { foretell, type Foretold, type Rehearsal, rehearse, type RehearseOptions } from "./lib/flow/rehearse.ts";
export { bytesIn } from "./lib/flow/carry.ts";
export { type Event, type Metrics, type Note, type Path, showPath, type Stopped } from "./lib/flow/event.ts";
export { type Checkpoint, type Identity, type Packed } from "./lib/flow/checkpoint.ts";
export { contentHash } from "./lib/flow/content_hash.ts";
export { decodeData, encodeData } from "./lib/flow/data_bytes.ts";
export { count, file, number, oneOf, text, toggle } from "./lib/flow/setting.ts";
export type { FileOptions, Help, NumberOptions, Setting } from "./lib/flow/setting.ts";
export { define } from "./lib/flow/settings.ts";
export type { FlagOptions, SettingFields, Settings, SettingValues, Unread } from "./lib/flow/settings.ts";

// Stages: steps of the methods, from fields of the state to fields of the state.
export type { PairState, PolicyState, RefLogpsState, RefState, RowState } from "./lib/stages/state.ts";
export { type LoadedState, loadPairs, type PairSource } from "./lib/stages/load_pairs.ts";
export { fitTokenizer, initPolicy, type VocabularyState } from "./lib/stages/init_policy.ts";
export { type LoadedPolicyState, loadPolicy, type LoadPolicyOptions, loadRef } from "./lib/stages/load_policy.ts";
export type { ModelSource, StoredModel } from "./lib/stages/load_policy.ts";
export { adaptPolicy, loadPolicyAdapter, mergePolicy } from "./lib/stages/adapt_policy.ts";
export type { AdaptedState, AdapterSource } from "./lib/stages/adapt_policy.ts";
export { tokenize } from "./lib/stages/tokenize.ts";
export { loadReplies, replyLogps, tokenizeReplies } from "./lib/stages/reply_logps.ts";
export type { ReplyLogps, ReplyLogpsState, ReplyRowState, RowLogps } from "./lib/stages/reply_logps.ts";
export type { TokenReplyRowState } from "./lib/stages/reply_logps.ts";
export { exampleOf, freezeRef, logpsOf, refLogps } from "./lib/stages/reference.ts";
export { demonstrateChosen, type Demonstration, type DemonstrationState, sftUpdate } from "./lib/stages/sft_update.ts";
export { type RowNumber, unusedFields } from "./lib/stages/unused_fields.ts";
export { dpoUpdate, type DpoUpdateOptions } from "./lib/stages/dpo_update.ts";
export { fitBradleyTerry, type FitBradleyTerryOptions } from "./lib/stages/fit_bradley_terry.ts";
export { rewardUpdate, type RewardUpdateOptions } from "./lib/stages/reward_update.ts";
export { normaliseReward, type NormaliseRewardOptions, withUnit } from "./lib/stages/normalise_reward.ts";
export { logOddsOf, type ReadingReward, type RewardModel, rewardsOf } from "./lib/stages/reward_state.ts";
export type { FitSurprise, RewardState, SurpriseState, ValidationState } from "./lib/stages/reward_state.ts";
export { learnedReward, type ScoreOptions, scoreSamples } from "./lib/stages/reward_function.ts";
export { collectPrompts, rollout } from "./lib/stages/rollout.ts";
export type { PromptRow, PromptState, Rollout, RolloutOptions, RolloutState } from "./lib/stages/rollout.ts";
export { type RewardSource, score, type ScoreState } from "./lib/stages/score.ts";
export { tokenRewards } from "./lib/stages/token_rewards.ts";
export type { TokenRewardStageOptions, TokenRewardState, Truncation } from "./lib/stages/token_rewards.ts";
export { type AdvantageOptions, advantages, type AdvantageState } from "./lib/stages/advantages.ts";
export { type CriticKind, type CriticState, initCritic, type InitCriticOptions } from "./lib/stages/init_critic.ts";
export { type OptimizerOptions, ppoUpdate, type PpoUpdateOptions } from "./lib/stages/ppo_update.ts";
export type { PpoObjectiveOptions, Taught } from "./lib/stages/ppo_objective.ts";
export { monitor, type MonitorOptions, type MonitorState } from "./lib/stages/monitor.ts";
export { earlyStopping, type EarlyStoppingOptions } from "./lib/stages/early_stopping.ts";
export { type Objective, type RowTokens, update, type UpdateOptions } from "./lib/stages/update.ts";
export { modelFiles, type SavedModel } from "./lib/stages/model_files.ts";
export { evaluatePairs, type PairEvaluation } from "./lib/stages/evaluate_pairs.ts";
export { evaluateReplies } from "./lib/stages/evaluate_replies.ts";
export type {
  Answer,
  BeforeAfter,
  EvalPrompt,
  EvaluateRepliesOptions,
  Reply,
  ReplyEvaluation,
} from "./lib/stages/evaluate_replies.ts";
export { bestOfNSamples } from "./lib/stages/best_of_n.ts";
export type {
  BestOfNEvaluation,
  BestOfNOptions,
  BestOfNReply,
  BestOfNState,
  Candidate,
  CandidateState,
} from "./lib/stages/best_of_n.ts";
export { evaluateLikelihood, type LikelihoodEvaluation } from "./lib/stages/evaluate_likelihood.ts";
export { evaluateReward } from "./lib/stages/evaluate_reward.ts";
export type {
  EvaluateRewardOptions,
  ForecastScores,
  Judges,
  RewardEvaluation,
  TruthEvaluation,
} from "./lib/stages/evaluate_reward.ts";

// Report and files: a fold over events to text, and reading what the user names.
export {
  advanceProgress,
  type Loop,
  noProgress,
  type Piece,
  type Progress,
  showProgress,
} from "./lib/report/progress.ts";
export { bar, brief, type Cell, fixed, interval, percent, shorten, sparkline, table } from "./lib/report/table.ts";
export { advanceReport, noReport } from "./lib/report/report.ts";
export type { Content, Part, Report, Section } from "./lib/report/report.ts";
export type { Figure, IntervalChart, IntervalOf, ReliabilityChart, SideBySide } from "./lib/report/report.ts";
export type { Line, LineChart, LinePoint } from "./lib/report/report.ts";
export { type Curve, type Point, type Spread } from "./lib/report/curves.ts";
export { type Inside, type Markup, markup } from "./lib/report/markup.ts";
export { type Axis, linearAxis } from "./lib/report/axis.ts";
export { px } from "./lib/report/chart.ts";
export { modelCard, type ModelFacts } from "./lib/report/model_card.ts";
export { reportHtml } from "./lib/report/html.ts";
export { type Scalars, scalarsOf, tensorboardScalars, tensorboardStart } from "./lib/report/tensorboard.ts";
export { readBytes, readText } from "./lib/io/files.ts";
export { loadAdapter, type StoredAdapter } from "./lib/io/load_adapter.ts";
export { describeModel, loadModel } from "./lib/io/load_model.ts";
export { lastPart } from "./lib/io/model_texts.ts";
export { type ReadParamsOptions } from "./lib/model/hf/read_params.ts";
export type { LoadedModel, LoadModelOptions, ModelDescription } from "./lib/io/load_model.ts";
export { inTenths, type OnProgress } from "./lib/io/hub_download.ts";
export { loadReward } from "./lib/io/reward_file.ts";
export { readTable } from "./lib/io/read_table.ts";
export { type FileContent, type Folder, openFolder, UNFINISHED, type Written } from "./lib/io/folder.ts";
