/** Matrices in panels: which are put, what they take, and that nothing depends on them. */
import { assertEquals } from "@std/assert";
import { linear } from "../../lib/grad/layers.ts";
import { panelsOf, putIntoPanels } from "../../lib/grad/panels.ts";
import { dryRun, memoryUse } from "../../lib/kernels/memory.ts";
import { type DecoderConfig, initDecoder, type LanguageModel } from "../../lib/model/decoder.ts";
import { generate, generateTokens } from "../../lib/model/generate.ts";
import { initAdapter, withAdapter } from "../../lib/model/lora.ts";
import { prepared } from "../../lib/model/prepared.ts";
import { key, normal } from "../../lib/tensor/random.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { buildHalf, empty, size, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { shapes } from "../bench/workload.ts";

const config: DecoderConfig = {
  ...shapes.S,
  ...{ vocabSize: 200, hiddenSize: 64, layers: 2, contextLength: 64 },
  attention: { heads: 4, kvHeads: 2, headDim: 16 },
  mlp: { type: "gatedSilu", size: 172 },
};
const model: LanguageModel = { config, params: initDecoder(key(0), config) };
const drawn = (seed: number, shape: readonly number[]): Tensor => tensor(shape, normal(key(seed), size(shape)));
const options = { key: key(3), eos: -1, maxNewTokens: 20 };
const prompts = [Int32Array.of(1, 2, 3), Int32Array.of(4)];
const expected = generate(model, prompts, options)[0]![0]!; // from now on kernels have the memory that they keep
/** Numbers of a layer's matrices whose rows are a multiple of 8: up and gate have 172. */
const OF_LAYER = 64 * 64 * 2 + 64 * 32 * 2 + 64 * 172;

/** What a function leaves in memory, and what the function that it gives takes away. */
function taken(prepare: () => () => void): readonly [before: number, after: number] {
  const at = memoryUse().bytes, end = prepare(), between = memoryUse().bytes;
  end();
  return [between - at, memoryUse().bytes - at];
}

Deno.test("matrices are in panels while many tokens are drawn, those with rows for whole panels", () => {
  assertEquals(taken(() => prepared(model, 16)), [4 * (2 * OF_LAYER + 64 * 200), 0]);
  assertEquals(taken(() => prepared(model, 15)), [0, 0]);
  const end = prepared(model, 16);
  assertEquals(taken(() => prepared(model, 16)), [0, 0], "those that are there already stay");
  end();
  const adapted = { config, params: withAdapter(model.params, initAdapter(key(1), model.params, { rank: 2 })) };
  assertEquals(taken(() => prepared(adapted, 16))[0], 4 * 64 * 200, "of an adapted one the head alone");
});

Deno.test("a model that no cache holds is not put into panels", () => {
  const bytes = (layers: number): number =>
    dryRun(() => {
      const layer = { weight: empty("f32", [2_048, 2_048]) };
      const params = { layers: Array(layers).fill(layer), norm: empty("f32", [8]), embedding: empty("f32", [8, 8]) };
      return taken(() => prepared({ config, params: params as unknown as LanguageModel["params"] }, 99))[0];
    });
  assertEquals([bytes(3), bytes(4)], [4 * (2_048 ** 2 + 64), 0]);
});

Deno.test("products are the same by panels, without them, and when these have gone with their scope", () => {
  const [x, w, odd] = [drawn(0, [3, 40]), drawn(1, [16, 40]), drawn(2, [12, 40])];
  const half = buildHalf("bf16", [16, 40], (bits) => bits.fill(0x3f80));
  const products = () => [w, odd, half].map((weight) => [...linear(x, weight).data]);
  const expected = products();
  const end = putIntoPanels([w, odd, half]);
  assertEquals([w, odd, half].map((weight) => panelsOf(weight) !== undefined), [true, false, false]);
  assertEquals(products(), expected);
  end();
  assertEquals(panelsOf(w), undefined);
  const late = scope(() => putIntoPanels([w]));
  assertEquals(panelsOf(w), undefined);
  assertEquals(products(), expected);
  late();
});

Deno.test("a generation gives its panels back, also one that is left", () => {
  const { bytes } = memoryUse();
  assertEquals(generate(model, prompts, options)[0]![0], expected);
  assertEquals(memoryUse().bytes, bytes);
  const ids: number[] = [];
  for (const { id } of generateTokens(model, prompts[0]!, options)) {
    if (ids.push(id) === 5) break;
  }
  assertEquals(ids, [...expected.ids.subarray(0, 5)]);
  assertEquals(panelsOf(model.params.embedding), undefined);
});
