/** Adapters held to PEFT's numbers in float64, where its files lie beside the checkout. */
import { assertEquals, assertLess } from "@std/assert";
import { linear } from "../../lib/grad/layers.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { type DecoderParams, headOf } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import { llamaTensors } from "../../lib/model/llama.ts";
import { tokenLogps } from "../../lib/model/logps.ts";
import { mergeAdapter, withAdapter } from "../../lib/model/lora.ts";
import { writePeft } from "../../lib/model/peft.ts";
import { decodeSafetensors } from "../../lib/model/safetensors.ts";
import { trainedPart, withTrained } from "../../lib/model/trained.ts";
import { sum } from "../../lib/grad/ops.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import type { Dtype, Tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision } from "../oracles.ts";
import { adapterIn, llama, llamaLayout, paramsIn, peftFolder, sharedFile, sharedJson } from "./shared_models.ts";

/** Figures of a tensor: its norm, its sum, and some entries. */
interface Sampled {
  readonly l2: number;
  readonly sum: number;
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

interface Sequence {
  readonly ids: readonly number[];
  readonly token_logprobs: readonly number[];
  readonly logits?: readonly (readonly number[])[];
  readonly logits_positions?: readonly number[];
  readonly logits_at_positions?: readonly (readonly number[])[];
}

interface Expected {
  readonly sequences: readonly Sequence[];
  readonly loss: { readonly value: number };
  readonly gradients: Readonly<Record<string, Sampled>>;
  readonly merged: { readonly weights: Readonly<Record<string, Sampled>> };
}

const config = llama({ vocabSize: 128, hiddenSize: 48, mlp: 80 });
const weights = await sharedFile("hf/llama/model.safetensors");

/** Tolerances of the reference. */
const near = (dtype: Dtype): Readonly<Record<"logits" | "loss" | "gradient", number>> =>
  dtype === "f64" ? { logits: 1e-10, loss: 1e-12, gradient: 1e-10 } : { logits: 2e-4, loss: 1e-5, gradient: 1e-4 };

/** Holds a tensor to its figures, relative to its norm. */
function assertSampled(t: Tensor, { l2, sum, indices, values }: Sampled, tolerance: number): void {
  const all = [...t.data], scaled = (x: number): number => x / l2;
  assertNear(Math.hypot(...all) / l2, 1, { rtol: 0, atol: tolerance });
  assertNear(scaled(all.reduce((s, x) => s + x, 0)), scaled(sum), { rtol: 0, atol: tolerance * Math.sqrt(all.length) });
  assertNear(indices.map((i) => scaled(all[i] as number)), values.map(scaled), { rtol: 0, atol: tolerance });
}

const whole = ({ ids }: Sequence) =>
  pack([{ prompt: Int32Array.of(ids[0] as number), completions: [Int32Array.from(ids.slice(1))] }]);

for (const name of ["lora", "rslora", "dora"]) {
  const folder = await peftFolder(`hf/lora/${name}`);
  const expected: Expected | undefined = await sharedJson(`hf/lora/${name}/expected.json`);
  const options = { ignore: weights === undefined || folder === undefined || expected === undefined };
  const model = (dtype: Dtype): DecoderParams => {
    if (weights === undefined || folder === undefined) throw new Error("there is no reference");
    return withAdapter(paramsIn(weights, config, dtype), adapterIn(folder, config, dtype));
  };
  const sequences = expected?.sequences ?? [];

  inEachPrecision(`${name} of PEFT, and merged: logits and log-probs are PEFT's`, ({ dtype }) => {
    for (const params of [model(dtype), mergeAdapter(model(dtype))]) {
      for (const sequence of sequences) {
        const batch = whole(sequence), atol = near(dtype).logits;
        const all = linear(hiddenStates(params, config, batch), headOf(params)).data;
        const rows = sequence.logits ?? sequence.logits_at_positions ?? [];
        rows.forEach((row, i) => {
          const at = (sequence.logits_positions?.[i] ?? i) * config.vocabSize;
          assertNear(all.slice(at, at + config.vocabSize), row, { rtol: 0, atol });
        });
        assertNear(tokenLogps(params, config, batch).data, sequence.token_logprobs, { rtol: 0, atol });
      }
    }
  }, options);

  inEachPrecision(`${name} of PEFT: loss and gradients of A, B and magnitudes are PEFT's`, ({ dtype }) => {
    const base = model(dtype);
    const batch = pack(sequences.map(({ ids }) => (
      { prompt: Int32Array.of(ids[0] as number), completions: [Int32Array.from(ids.slice(1))] }
    )));
    const lossOf = (trained: unknown): Loss => {
      const logps = tokenLogps(withTrained(base, trained), config, batch);
      return { loss: { sum: sum(logps), count: logps.shape[0] as number }, metrics: {} };
    };
    const { loss, grads } = valueAndGrad(lossOf)(trainedPart(base));
    assertNear(-loss, expected?.loss.value as number, { rtol: 0, atol: near(dtype).loss });
    const { tensors } = writePeft(llamaLayout(config), (grads as Required<DecoderParams>).adapter);
    const figures = Object.entries(expected?.gradients ?? {});
    assertEquals(Object.keys(tensors).sort(), figures.map(([name]) => name).sort());
    for (const [name, sampled] of figures) {
      const flipped = { ...sampled, sum: -sampled.sum, values: sampled.values.map((x) => -x) };
      assertSampled(tensors[name] as Tensor, flipped, near(dtype).gradient);
    }
  }, options);

  inEachPrecision(`${name} of PEFT: merged weights are PEFT's, and the files written are those read`, ({ dtype }) => {
    const params = model(dtype), merged = llamaTensors(mergeAdapter(params));
    for (const [name, sampled] of Object.entries(expected?.merged.weights ?? {})) {
      assertSampled(merged[name] as Tensor, sampled, dtype === "f64" ? 1e-12 : 1e-6);
    }
    const { config: written, tensors } = writePeft(llamaLayout(config), (params as Required<DecoderParams>).adapter);
    const read = decodeSafetensors(folder?.bytes as Uint8Array, dtype);
    assertEquals(read._tag, "Right");
    const original = read._tag === "Right" ? Object.fromEntries([...read.right].map(([n, t]) => [n, [...t.data]])) : {};
    assertEquals(Object.fromEntries(Object.entries(tensors).map(([n, t]) => [n, [...t.data]])), original);
    const json = folder?.json as Readonly<Record<string, unknown>>;
    for (const field of ["r", "lora_alpha", "use_rslora", "use_dora", "target_modules", "rank_pattern", "peft_type"]) {
      assertEquals(written[field], json[field], field);
    }
  }, options);

  inEachPrecision(
    `${name} of PEFT: without the adapter, or with another scale, the figures are missed`,
    ({ dtype }) => {
      const { adapter, ...base } = model(dtype) as Required<DecoderParams>;
      const off = {
        ...adapter,
        layers: adapter.layers.map((layer) =>
          Object.fromEntries(
            Object.entries(layer).map(([n, change]) => [n, { ...change, scale: change.scale * 1.01 }]),
          )
        ),
      };
      for (const params of [base, withAdapter(base, off)]) {
        const [first] = sequences as readonly [Sequence];
        const all = linear(hiddenStates(params, config, whole(first)), headOf(params)).data;
        assertLess(
          2e-3,
          Math.max(...(first.logits?.[9] ?? []).map((x, j) => Math.abs(x - (all[9 * 128 + j] as number)))),
        );
      }
    },
    options,
  );
}
