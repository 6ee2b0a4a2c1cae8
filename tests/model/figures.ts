/** Models held to figures of transformers' own code in float64: what it computed, and how near the decoder must come. */
import { assert, assertEquals } from "@std/assert";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { sftLoss } from "../../lib/losses/sft.ts";
import type { DecoderParams, LanguageModel } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import { generate } from "../../lib/model/generate.ts";
import type { ModelForm } from "../../lib/model/hf/form.ts";
import { fileTensors } from "../../lib/model/hf/write_params.ts";
import { logitsAt, logps, tokenLogps } from "../../lib/model/logps.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Batch, pack } from "../../lib/tensor/ragged.ts";
import { type Dtype, floats, type Tensor } from "../../lib/tensor/tensor.ts";

/** A sequence on its own: token i + 1 has the log-probability `token_logprobs[i]`. */
export interface Sequence {
  readonly ids: readonly number[];
  readonly prompt_length: number;
  readonly token_logprobs: readonly number[];
  readonly completion_logprob_sum: number;
  /** Rows at all positions, or at some. */
  readonly logits?: readonly (readonly number[])[];
  readonly logits_positions?: readonly number[];
  readonly logits_at_positions?: readonly (readonly number[])[];
}

/** What is known of a tensor as the file has it. */
export interface Sampled {
  readonly l2: number;
  readonly sum: number;
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

/** Figures of a model. */
export interface Figures {
  readonly sequences: readonly Sequence[];
  readonly loss: { readonly value: number };
  /** By the names in the file. */
  readonly gradients: Readonly<Record<string, Sampled>>;
  readonly greedy: { readonly prompt_ids: readonly number[]; readonly new_ids: readonly number[] };
  /** After the embedding, after each layer, after the last norm. */
  readonly hidden_states: {
    readonly of_sequence: number;
    readonly frobenius: readonly number[];
    readonly last_position_l2: readonly number[];
    readonly last_position_first_4: readonly (readonly number[])[];
  };
}

/** A model, and how the files that it came from are written. */
export interface FileModel extends LanguageModel {
  readonly form: Pick<ModelForm, "modelType" | "prefix" | "dtypes">;
}

const TOLERANCE = {
  f64: { logits: 1e-10, loss: 1e-12, gradient: 1e-10 },
  f32: { logits: 2e-4, loss: 1e-5, gradient: 1e-4 },
} as const;

function assertWithin(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  assertEquals(actual.length, expected.length, what);
  for (let i = 0; i < expected.length; i++) {
    const apart = Math.abs((actual[i] as number) - (expected[i] as number));
    assert(apart <= tolerance, `${what} ${i}: ${actual[i]} is not ${expected[i]}, they are ${apart} apart`);
  }
}

const tokens = (ids: readonly number[]): Int32Array => Int32Array.from(ids);
const alone = ({ ids }: Sequence): Batch => pack([{ prompt: tokens(ids), completions: [] }]);
const dtypeOf = ({ params }: LanguageModel): Dtype => params.norm.dtype;

/** A sequence whose tokens are all predicted but the first. */
const predicted = ({ ids }: Sequence) => ({ prompt: tokens(ids.slice(0, 1)), completions: [tokens(ids.slice(1))] });

/** Holds logits at every position that has figures. */
export function assertLogits(model: LanguageModel, { sequences }: Figures): void {
  const { vocabSize } = model.config;
  for (const sequence of sequences) {
    const { logits_positions: some, logits_at_positions: rows = sequence.logits ?? [] } = sequence;
    const all = logitsAt(hiddenStates(model.params, model.config, alone(sequence)), model).data;
    rows.forEach((row, i) => {
      const at = (some?.[i] ?? i) * vocabSize;
      assertWithin(all.slice(at, at + vocabSize), row, TOLERANCE[dtypeOf(model)].logits, `logits of row ${i}, token`);
    });
  }
}

/** Holds log-probabilities, of tokens and of completions behind a shared prompt. */
export function assertLogps({ params, config }: LanguageModel, { sequences }: Figures): void {
  const tolerance = TOLERANCE[dtypeOf({ params, config })].logits;
  const all = sequences.flatMap((sequence) => sequence.token_logprobs);
  assertWithin(tokenLogps(params, config, pack(sequences.map(predicted))).data, all, tolerance, "log-probability");
  const behind = sequences.map(({ ids, prompt_length: n }) => {
    const completion = tokens(ids.slice(n));
    return { prompt: tokens(ids.slice(0, n)), completions: [completion, completion] };
  });
  const sums = sequences.flatMap(({ completion_logprob_sum: sum }) => [sum, sum]);
  assertWithin(logps(params, config, pack(behind)).data, sums, 10 * tolerance, "log-probability of completion");
}

/** Holds the mean of −log p over both sequences, and its gradient with respect to every tensor of the file. */
export function assertGradients({ params, config, form }: FileModel, { sequences, loss, gradients }: Figures): void {
  const dtype = dtypeOf({ params, config }), tolerance = TOLERANCE[dtype];
  const batch = pack(sequences.map(predicted));
  const found = valueAndGrad((p: DecoderParams) => sftLoss(tokenLogps(p, config, batch), batch.offsets))(params);
  assertWithin([found.loss], [loss.value], tolerance.loss, "loss");
  const tensors = fileTensors(found.grads, config, form, dtype);
  assertEquals(new Set(tensors.map(([name]) => name)), new Set(Object.keys(gradients)));
  for (const [name, { pieces }] of tensors) {
    const { l2, sum, indices, values } = gradients[name] as Sampled;
    const all = Array.from(pieces()).flatMap((piece) => [...piece]);
    const relative = (x: number): number => x / l2;
    const figures = [Math.hypot(...all), ...indices.map((i) => all[i] as number)].map(relative);
    assertWithin(figures, [l2, ...values].map(relative), tolerance.gradient, `gradient of ${name}`);
    const total = all.reduce((s, x) => s + x, 0);
    assertWithin([total], [sum], tolerance.gradient * l2 * Math.sqrt(all.length), `sum of the gradient of ${name}`);
  }
}

/** Holds what enters the first layer, what each passes on, and what the last norm gives. */
export function assertHidden({ params, config }: LanguageModel, { sequences, hidden_states: figures }: Figures): void {
  const tolerance = TOLERANCE[dtypeOf({ params, config })].logits;
  const states: Tensor[] = [];
  const batch = alone(sequences[figures.of_sequence] as Sequence);
  const final = hiddenStates(params, config, batch, { see: (state) => states.push(state) });
  [...states, final].forEach((state, i) => {
    const all = floats(state), last = all.subarray(all.length - config.hiddenSize);
    const found = [Math.hypot(...all), Math.hypot(...last), ...last.subarray(0, 4)];
    const expected = [figures.frobenius[i] ?? NaN, figures.last_position_l2[i] ?? NaN];
    const what = `hidden states ${i}`;
    assertWithin(found, [...expected, ...figures.last_position_first_4[i] ?? []], 10 * tolerance, what);
  });
  assertEquals(states.length + 1, figures.frobenius.length);
}

/** Holds the tokens of greedy generation, which goes on at ends of text, alone and in the company of another prompt. */
export function assertGreedy(model: LanguageModel, { greedy: { prompt_ids, new_ids }, sequences }: Figures): void {
  const prompts = [tokens(prompt_ids), tokens((sequences[0] as Sequence).ids)];
  const options = { key: key(0), temperature: 0, maxNewTokens: new_ids.length, eos: -1 };
  for (const company of [prompts.slice(0, 1), prompts, prompts.toReversed()]) {
    const found = generate(model, company, options)[company.indexOf(prompts[0] as Int32Array)];
    assertEquals([...found?.[0]?.ids ?? []], new_ids);
  }
}
