/** Sampling distributions held to numbers of 60-digit arithmetic and to their laws. */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { argmax, sampleAt, sampleRows, type Sampling, samplingDistribution } from "../../lib/model/sampling.ts";
import { key, uniform } from "../../lib/tensor/random.ts";
import { floats, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, oracle } from "../oracles.ts";

interface Inputs {
  readonly logits: number[];
  readonly temperature?: number;
  readonly top_k?: number;
  readonly top_p?: number;
}

interface Expected {
  readonly probs?: number[];
  readonly log_probs?: number[];
  readonly entropy?: number;
}

const ids = [
  "log_softmax_extreme_pos",
  "log_softmax_extreme_neg",
  "log_softmax_temperature_1.0",
  "log_softmax_temperature_2.0",
  "sampling_top_k_2",
  "sampling_top_p_0.8",
];

for (const id of ids) {
  Deno.test(`samplingDistribution() has the probabilities of ${id}`, () => {
    const { inputs, expected, ...tolerance } = oracle<Inputs, Expected>(id);
    const probs = samplingDistribution(inputs.logits, {
      temperature: inputs.temperature,
      topK: inputs.top_k,
      topP: inputs.top_p,
    });
    assertNear(probs, expected.probs ?? (expected.log_probs as number[]).map(Math.exp), tolerance);
    const entropy = -probs.reduce((sum, p) => sum + (p === 0 ? 0 : p * Math.log(p)), 0);
    if (expected.entropy !== undefined) assertNear(entropy, expected.entropy, tolerance);
  });
}

const logits = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 12 });
const total = (x: Float64Array): number => x.reduce((a, b) => a + b, 0);

Deno.test("samplingDistribution() sums to 1 and does not see a constant added to all logits", () => {
  const spec = fc.record({
    temperature: fc.double({ min: 0.2, max: 5, noNaN: true }),
    topK: fc.integer({ min: 1, max: 15 }),
    topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
  });
  fc.assert(fc.property(logits, spec, (x, spec) => {
    assertLess(Math.abs(total(samplingDistribution(x, spec)) - 1), 1e-12);
    assertNear(
      samplingDistribution(x.map((v) => v + 64), { temperature: spec.temperature }),
      samplingDistribution(x, { temperature: spec.temperature }),
      { rtol: 1e-9, atol: 1e-15 },
    );
  }));
});

Deno.test("topP keeps the smallest set that reaches p: without its least probable token it would not", () => {
  fc.assert(fc.property(logits, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (x, topP) => {
    const all = samplingDistribution(x);
    const kept = samplingDistribution(x, { topP }).map((p, i) => p > 0 ? all[i] as number : 0);
    const least = Math.min(...kept.filter((p) => p > 0));
    assertLess(topP - 1e-12, total(kept));
    assertLess(total(kept) - least, topP + 1e-12);
    // Nothing left out is more probable than anything kept.
    assertLess(Math.max(...all.filter((_, i) => kept[i] === 0), 0), least + 1e-15);
  }));
});

Deno.test("topK keeps k tokens, topP its share of their mass, and of equal tokens the first", () => {
  assertEquals([...samplingDistribution([0, 0, 0, 0], { topK: 2 })], [0.5, 0.5, 0, 0]);
  assertEquals([...samplingDistribution([0, 0, 0, 0], { topK: 2, topP: 0.5 })], [1, 0, 0, 0]);
  assertEquals([...samplingDistribution([0, 0, 0, 0], { topP: 0.6 }).map((p) => p * 3)], [1, 1, 1, 0]);
});

Deno.test("topK and topP keep what sorting all tokens by probability, then by place, would keep, bit for bit", () => {
  const sorted = (probs: Float64Array, topK: number, topP: number): Float64Array => {
    if (topK >= probs.length && topP === 1) return probs;
    const at = (i: number): number => probs[i] as number;
    const top = [...probs.keys()].sort((a, b) => at(b) - at(a) || a - b).slice(0, topK);
    const mass = top.reduce((sum, i) => sum + at(i), 0);
    const kept = new Float64Array(probs.length);
    let reached = 0;
    for (const i of top) {
      if (reached >= topP * mass) break;
      kept[i] = at(i);
      reached += at(i);
    }
    return kept.map((p) => p / reached);
  };
  const tied = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 30 });
  const share = fc.double({ min: 0.01, max: 1, noNaN: true });
  const check = (x: readonly number[], topK: number, topP: number): void =>
    assertEquals(samplingDistribution(x, { topK, topP }), sorted(samplingDistribution(x), topK, topP));
  fc.assert(fc.property(fc.oneof(logits, tied), fc.integer({ min: 1, max: 12 }), share, check));
  // Where nothing is cut off nothing is divided either, though these three add up to 1 − 2⁻⁵³.
  check([0, 1, 3], 3, 1);
});

Deno.test("sampleRows() is sampleAt() of samplingDistribution() of each row, with the probability, whatever is cut off", () => {
  const u = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const specs: readonly Sampling[] = [{}, { temperature: 0 }, { temperature: 1.7 }, { topK: 3 }, {
    topP: 0.8,
    topK: 5,
  }];
  fc.assert(fc.property(logits, logits, u, fc.constantFrom(...specs), (x, y, u, spec) => {
    const vocab = Math.min(x.length, y.length),
      drawn = { rows: Int32Array.of(1, 0, 1), draws: Float64Array.of(u, u, 0) };
    const both = [x, y].map((row) => row.slice(0, vocab));
    for (const dtype of ["f64", "f32"] as const) {
      const z = tensor([2, vocab], both.flat(), dtype);
      const { ids, probabilities } = sampleRows(z, drawn, spec);
      drawn.rows.forEach((row, i) => {
        const probs = samplingDistribution(floats(z).subarray(row * vocab, (row + 1) * vocab), spec);
        assertEquals(ids[i], sampleAt(probs, drawn.draws[i] as number));
        assertLess(Math.abs((probabilities[i] as number) / (probs[ids[i] as number] as number) - 1), 1e-14);
      });
    }
  }));
  const last = { rows: Int32Array.of(0), draws: Float64Array.of(1 - 2 ** -53) };
  for (const dtype of ["f32", "f64"] as const) {
    const { ids, probabilities } = sampleRows(tensor([1, 3], [0, 0, -Infinity], dtype), last, {});
    assertEquals([[...ids], [...probabilities]], [[1], [0.5]]);
  }
});

Deno.test("temperature 0 takes the most probable token, the first of equals", () => {
  assertEquals([...samplingDistribution([1, 3, 3], { temperature: 0 })], [0, 1, 0]);
  assertEquals(argmax([-Infinity, -2, -1]), 2);
});

Deno.test("sampleAt() inverts the cumulative distribution and never draws what has no probability", () => {
  const probs = Float64Array.of(0, 0.25, 0, 0.5, 0.25, 0);
  assertEquals([0, 0.24, 0.25, 0.74, 0.75, 1 - 2 ** -53].map((u) => sampleAt(probs, u)), [1, 1, 3, 3, 4, 4]);
  const short = Float64Array.of(0.5, 0.5 - 1e-16, 0); // the sum of rounded probabilities may stay below u
  assertEquals(sampleAt(short, 1 - 2 ** -53), 1);
  const counts = new Float64Array(6);
  for (const u of uniform(key(1), 4000)) counts[sampleAt(probs, u)]!++;
  const chi2 = [1, 3, 4].reduce((sum, i) => {
    const expected = 4000 * (probs[i] as number);
    return sum + ((counts[i] as number) - expected) ** 2 / expected;
  }, 0);
  assertLess(chi2, 18.4); // 0.9999 quantile of χ² with 2 degrees of freedom
});

Deno.test("samplingDistribution() refuses what is out of range in one sentence", () => {
  const refuses = (spec: Sampling, sentence: string): void => {
    assertThrows(() => samplingDistribution([0, 1], spec), RangeError, `Cannot sample as ${sentence}`);
  };
  refuses({ temperature: -1 }, "temperature must be finite and ≥ 0: current value is -1");
  refuses({ temperature: NaN }, "temperature must be finite and ≥ 0: current value is NaN");
  refuses({ topK: 0 }, "topK must be a whole number ≥ 1: current value is 0");
  refuses({ topK: 1.5 }, "topK must be a whole number ≥ 1: current value is 1.5");
  refuses({ topP: 0 }, "topP must be in (0, 1]: current value is 0");
  refuses({ topP: 1.1 }, "topP must be in (0, 1]: current value is 1.1");
});
