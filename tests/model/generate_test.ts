/** Generation held to the model's own probabilities: what is drawn, how often, and that nothing else matters. */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { gatherRows } from "../../lib/grad/layers.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import type { LanguageModel } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import { generate, type Generated, type GenerateOptions, generateTokens } from "../../lib/model/generate.ts";
import { logitsAt, logps, tokenLogps } from "../../lib/model/logps.ts";
import { argmax, type Sampling, samplingDistribution } from "../../lib/model/sampling.ts";
import { fold, key } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import type { Dtype } from "../../lib/tensor/tensor.ts";
import { inEachPrecision } from "../oracles.ts";
import { formulaModel } from "./formula_models.ts";
import { decoder, decoders } from "./golden.ts";

const never = -1; // an end token that no model draws
const prompts = [[1, 7, 3, 12], [1], [1, 22, 0, 4, 8, 15], [5, 5], [9, 1, 1]].map((ids) => Int32Array.from(ids));
const base = { key: key(11), maxNewTokens: 8, eos: 2 };

/** The logits after each token of a sequence, by one full pass. */
function logitsOf(model: LanguageModel, ids: Int32Array): readonly Float64Array[] {
  const hidden = hiddenStates(model.params, model.config, pack([{ prompt: ids, completions: [] }]));
  return Array.from(ids, (_, t) => Float64Array.from(logitsAt(gatherRows(hidden, Int32Array.of(t)), model).data));
}

/** The logits that each token of a completion was drawn from. */
function logitsBehind(model: LanguageModel, prompt: Int32Array, { ids }: Generated): readonly Float64Array[] {
  return logitsOf(model, Int32Array.of(...prompt, ...ids)).slice(prompt.length - 1, -1);
}

/** Models as others than Llama's: learned positions and biases, windows and caps, angles by layer, layers without. */
const others = ["gpt2", "gemma2", "gemma3_text", "smollm3"] as const;

const models: Readonly<Record<string, (dtype: Dtype) => LanguageModel>> = {
  ...Object.fromEntries(decoders.map((name) => [name, (dtype: Dtype) => decoder(name, dtype)])),
  ...Object.fromEntries(others.map((name) => [name, (dtype: Dtype) => formulaModel(name, dtype)])),
};

for (const [name, modelIn] of Object.entries(models)) {
  inEachPrecision(`the cache of the ${name} decoder gives the logits of a full pass, bit for bit`, ({ dtype }) => {
    const model = modelIn(dtype);
    const spec = { temperature: 1.3, topK: 9, topP: 0.9 };
    const results = generate(model, prompts, { ...base, ...spec, samples: 2, eos: never, maxNewTokens: 18 });
    results.forEach((samples, i) =>
      samples.forEach((sample) => {
        const rows = logitsBehind(model, prompts[i] as Int32Array, sample);
        const expected = rows.map((row, t) =>
          Math.log(samplingDistribution(row, spec)[sample.ids[t] as number] as number)
        );
        assertEquals([...sample.sampledLogps], expected);
      })
    );
  });

  inEachPrecision(`sampledLogps of the ${name} decoder are its tokenLogps at temperature 1`, ({ dtype, near }) => {
    const model = modelIn(dtype);
    const results = generate(model, prompts, { ...base, samples: 3 });
    const batch = pack(
      prompts.map((prompt, i) => ({ prompt, completions: (results[i] as Generated[]).map((g) => g.ids) })),
    );
    near(results.flat().flatMap((g) => [...g.sampledLogps]), tokenLogps(model.params, model.config, batch).data);
  });

  inEachPrecision(`the ${name} decoder draws the same tokens in any batch`, ({ dtype }) => {
    const model = modelIn(dtype);
    const options = { ...base, samples: 2, temperature: 0.9 };
    const alone = prompts.map((prompt) => generate(model, [prompt], options)[0]);
    const batches = fc.shuffledSubarray([...prompts.keys(), ...prompts.keys()], { minLength: 1 });
    fc.assert(
      fc.property(batches, (rows) => {
        const together = generate(model, rows.map((i) => prompts[i] as Int32Array), options);
        assertEquals(together, rows.map((i) => alone[i]) as typeof together);
      }),
      { numRuns: 20 },
    );
    // Nor does it matter how many are answered at a time, in rows of the cache that others have left.
    for (const maxBatch of [1, 2, 4, 5, 100]) {
      const many = [...prompts, ...prompts.toReversed()];
      const expected = many.map((prompt) => alone[prompts.indexOf(prompt)]);
      assertEquals(generate(model, many, { ...options, maxBatch }), expected as Generated[][]);
    }
    // Nor do more samples, or a higher limit, change what was drawn before.
    const more = generate(model, prompts, { ...options, samples: 3, maxNewTokens: 12 });
    alone.forEach((samples, i) =>
      samples?.forEach(({ ids }, n) => assertEquals(more[i]?.[n]?.ids.slice(0, ids.length), ids))
    );
  });

  inEachPrecision(`greedy completions of the ${name} decoder take the most probable token`, ({ dtype }) => {
    const model = modelIn(dtype);
    generate(model, prompts, { ...base, temperature: 0 }).forEach(([sample], i) => {
      const { ids, sampledLogps } = sample as Generated;
      const rows = logitsBehind(model, prompts[i] as Int32Array, sample as Generated);
      assertEquals([...ids], rows.map(argmax));
      assertEquals([...sampledLogps], rows.map(() => 0));
    });
  });
}

/** softmax(logits / temperature) cut to topK and topP, as a sort and a loop say it. */
function plainDistribution(logits: Float64Array, { temperature = 1, topK = Infinity, topP = 1 }: Sampling): number[] {
  const weights = [...logits].map((x) => Math.exp(x / temperature));
  const rest = [...weights.keys()].sort((a, b) => (weights[b] as number) - (weights[a] as number)).slice(0, topK);
  const mass = rest.reduce((sum, i) => sum + (weights[i] as number), 0);
  const kept: number[] = [];
  let reached = 0;
  while (reached < topP * mass * (1 - 1e-12)) {
    const next = rest.shift() as number;
    reached += weights[next] as number;
    kept.push(next);
  }
  return weights.map((w, i) => kept.includes(i) ? w / reached : 0);
}

/** Pearson's χ² of counts against probabilities, cells of few expected counts joined, and its degrees of freedom. */
function chiSquare(counts: readonly number[], probs: readonly number[]): { chi2: number; freedom: number } {
  const n = counts.reduce((a, b) => a + b, 0);
  const cells = [...counts.keys()].sort((a, b) => (probs[b] as number) - (probs[a] as number));
  let [chi2, freedom, expected, seen] = [0, -1, 0, 0];
  for (const i of cells) {
    expected += n * (probs[i] as number);
    seen += counts[i] as number;
    if (expected < 8) continue;
    chi2 += (seen - expected) ** 2 / expected;
    [freedom, expected, seen] = [freedom + 1, 0, 0];
  }
  return {
    chi2: chi2 + (expected > 0 ? (seen - expected) ** 2 / expected : 0),
    freedom: freedom + Number(expected > 0),
  };
}

/** The 0.9999 quantile of χ², after Wilson and Hilferty. */
const quantile = (k: number): number => k * (1 - 2 / (9 * k) + 3.719 * Math.sqrt(2 / (9 * k))) ** 3;

const specs: readonly Sampling[] = [
  { temperature: 0.7 },
  { temperature: 1 },
  { temperature: 1.3 },
  { topK: 5 },
  { topP: 0.7 },
  { temperature: 1.3, topK: 9, topP: 0.8 },
];

Deno.test("first tokens are drawn as often as the model says, under temperature, topK and topP", () => {
  const model = decoder("tied", "f32");
  const prompt = prompts[0] as Int32Array;
  const logits = logitsOf(model, prompt).at(-1) as Float64Array;
  for (const [i, spec] of specs.entries()) {
    const options = { ...base, ...spec, key: fold(key(1), i), samples: 4000, maxNewTokens: 1 };
    const counts = Array<number>(23).fill(0);
    for (const { ids } of generate(model, [prompt], options)[0] as readonly Generated[]) counts[ids[0] as number]!++;
    const probs = plainDistribution(logits, spec);
    probs.forEach((p, id) => p === 0 && assertEquals(counts[id], 0, `token ${id} is cut off`));
    const { chi2, freedom } = chiSquare(counts, probs);
    assertLess(chi2, quantile(freedom), `${JSON.stringify(spec)}, ${freedom} degrees of freedom`);
    // The control: the next specification's probabilities are not those of these draws.
    const other = plainDistribution(logits, specs[(i + 1) % specs.length] as Sampling);
    const wrong = chiSquare(counts, other.map((p) => Math.max(p, 1e-9)));
    assertLess(2 * quantile(wrong.freedom), wrong.chi2);
  }
});

Deno.test("whole completions are drawn as often as their log-probability says", () => {
  const model = decoder("untied", "f32");
  const prompt = prompts[1] as Int32Array;
  const texts = Array.from({ length: 23 ** 2 }, (_, i) => Int32Array.of(Math.floor(i / 23), i % 23))
    .filter(([first]) => first !== base.eos);
  const all = [Int32Array.of(base.eos), ...texts];
  const probs = [...logps(model.params, model.config, pack([{ prompt, completions: all }])).data].map(Math.exp);
  assertLess(Math.abs(probs.reduce((a, b) => a + b) - 1), 1e-5); // every completion of at most two tokens
  const index = new Map(all.map((ids, i) => [ids.join(), i]));
  const counts = Array<number>(all.length).fill(0);
  const drawn = generate(model, [prompt], { ...base, samples: 3000, maxNewTokens: 2 })[0] as readonly Generated[];
  for (const { ids } of drawn) counts[index.get(ids.join()) as number]!++;
  const { chi2, freedom } = chiSquare(counts, probs);
  assertLess(chi2, quantile(freedom));
  assertLess(40, freedom);
});

Deno.test("completions of two tokens are drawn as often as the model says, under temperature, topK and topP", () => {
  const model = decoder("tied", "f32");
  const prompt = prompts[3] as Int32Array;
  const after = (...ids: number[]): Float64Array => logitsOf(model, Int32Array.of(...prompt, ...ids)).at(-1)!;
  const words = Array.from({ length: 23 }, (_, id) => id);
  const [first, second] = [after(), words.map((id) => after(id))]; // the second token comes through the cache
  const probabilities = (spec: Sampling): number[] => {
    const rows = second.map((logits) => plainDistribution(logits, spec));
    return plainDistribution(first, spec).flatMap((p, a) => words.map((b) => p * (rows[a]?.[b] as number)));
  };
  for (const [i, spec] of specs.entries()) {
    const options = { ...base, ...spec, key: fold(key(2), i), samples: 3000, maxNewTokens: 2, eos: never };
    const counts = Array<number>(23 ** 2).fill(0);
    for (const { ids } of generate(model, [prompt], options)[0] as readonly Generated[]) {
      counts[23 * (ids[0] as number) + (ids[1] as number)]!++;
    }
    const probs = probabilities(spec);
    probs.forEach((p, text) => p === 0 && assertEquals(counts[text], 0, `text ${text} is cut off`));
    const { chi2, freedom } = chiSquare(counts, probs);
    assertLess(chi2, quantile(freedom), `${JSON.stringify(spec)}, ${freedom} degrees of freedom`);
    assertLess(10, freedom);
    const wrong = chiSquare(counts, probabilities({}).map((p) => Math.max(p, 1e-9))); // the control: as if unfiltered
    if (spec.temperature !== 1) assertLess(quantile(wrong.freedom), wrong.chi2);
  }
});

Deno.test("another key draws other tokens, and so does another sample", () => {
  const model = decoder("untied", "f32");
  const draw = (seed: number): readonly (readonly Generated[])[] =>
    generate(model, prompts, { ...base, key: key(seed), samples: 4, eos: never });
  const texts = [...draw(1), ...draw(2)].flat().map(({ ids }) => ids.join());
  assertEquals(new Set(texts).size, texts.length);
});

Deno.test("a completion ends with its end token, or at the limit of new tokens, or of the context", () => {
  const model = decoder("tied", "f32");
  const ends = generate(model, prompts, { ...base, samples: 40 }).flat();
  for (const { ids, sampledLogps, end } of ends) {
    const at = ids.indexOf(base.eos);
    assertEquals([ids.length, end], at < 0 ? [base.maxNewTokens, "length"] : [at + 1, "eos"]);
    assertEquals(sampledLogps.length, ids.length);
  }
  assertEquals(new Set(ends.map(({ end }) => end)), new Set(["eos", "length"]));
  const long = new Int32Array(30);
  const [[last]] = generate(model, [long], { ...base, eos: never }) as [[Generated]];
  assertEquals([last.ids.length, last.end], [2, "length"]); // 30 of a context of 32
});

Deno.test("an end token that ends a stop sequence too, or comes at the limit, is an end token", () => {
  const model = decoder("tied", "f64");
  const [[free]] = generate(model, prompts.slice(0, 1), { ...base, eos: never }) as [[Generated]];
  const last = free.ids.at(-1) as number;
  const options = { ...base, maxNewTokens: free.ids.length, eos: last, stop: [free.ids.slice(-1)] };
  const [[ended]] = generate(model, prompts.slice(0, 1), options) as [[Generated]];
  assertEquals([ended.end, ended.ids.at(-1)], ["eos", last]);
  const [[stopped]] = generate(model, prompts.slice(0, 1), { ...options, eos: never }) as [[Generated]];
  assertEquals([stopped.end, stopped.ids], ["stop", ended.ids]); // the same place, and a stop goes before the limit
});

Deno.test("generate() of no prompts is empty, and it frees its cache", () => {
  const model = decoder("tied", "f32");
  assertEquals(generate(model, [], base), []);
  const { bytes } = memoryUse();
  generate(model, prompts, { ...base, samples: 3 });
  assertEquals(memoryUse().bytes, bytes);
});

Deno.test("generate() refuses what is out of range in one sentence", () => {
  const model = decoder("tied", "f32");
  const refuses = (options: Partial<GenerateOptions>, sentence: string, ids = prompts): void => {
    assertThrows(() => generate(model, ids, { ...base, ...options }), RangeError, sentence);
  };
  refuses({ samples: 0 }, "Cannot generate as samples must be a whole number ≥ 1: current value is 0");
  refuses({ maxNewTokens: 0 }, "Cannot generate as maxNewTokens must be a whole number ≥ 1: current value is 0");
  refuses({ maxBatch: 0.5 }, "Cannot generate as maxBatch must be a whole number ≥ 1: current value is 0.5");
  refuses({ temperature: -1 }, "Cannot sample as temperature must be finite and ≥ 0: current value is -1");
  refuses({}, "Cannot generate as a prompt of 32 tokens leaves no room in a context of 32", [new Int32Array(32)]);
  refuses({}, "ids must be in 0 … 22: ids[1] is 23", [Int32Array.of(1, 23)]);
  refuses({}, "Cannot pack example 0 as its prompt and completions need at least one token each", [Int32Array.of()]);
});

Deno.test("generateTokens() draws what generate() draws, bit for bit, interleaved with others and left at any time", () => {
  const model = (models.gpt2 as (dtype: Dtype) => LanguageModel)("f32");
  const options = { ...base, temperature: 1.2, stop: [Int32Array.of(4)] };
  const expected = generate(model, prompts, options).map(([only]) => only as Generated);
  const streams = prompts.map((prompt) => generateTokens(model, prompt, options));
  generateTokens(model, prompts[0] as Int32Array, options).next(); // left after its first token
  const drawn: { id: number; logp: number }[][] = prompts.map(() => []);
  const ended: (Generated | undefined)[] = prompts.map(() => undefined);
  while (ended.includes(undefined)) {
    streams.forEach((stream, i) => {
      if (ended[i] !== undefined) return;
      const { done, value } = stream.next();
      if (done) ended[i] = value;
      else drawn[i]?.push(value);
    });
  }
  assertEquals(ended, expected);
  assertEquals(drawn.map((tokens) => tokens.map(({ id }) => id)), expected.map(({ ids }) => [...ids]));
  assertEquals(
    drawn.map((tokens) => tokens.map(({ logp }) => logp)),
    expected.map(({ sampledLogps }) => [...sampledLogps]),
  );
});

Deno.test("generateTokens() says what is out of range when its first token is taken", () => {
  const model = (models.gpt2 as (dtype: Dtype) => LanguageModel)("f32");
  const tokens = (options: object, prompt = Int32Array.of(1)): unknown =>
    generateTokens(model, prompt, { ...base, ...options }).next();
  assertThrows(() => tokens({ temperature: -1 }), RangeError, "temperature must be finite");
  assertThrows(() => tokens({ maxNewTokens: 0 }), RangeError, "maxNewTokens must be a whole number");
  assertThrows(() => tokens({}, new Int32Array(10_000)), RangeError, "leaves no room");
});
