import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { packState, unpackState } from "../../lib/flow/checkpoint.ts";
import { contentHash } from "../../lib/flow/content_hash.ts";
import { linear } from "../../lib/grad/layers.ts";
import { sum } from "../../lib/grad/ops.ts";
import { valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { type DecoderParams, headOf, initDecoder } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import { heldIn } from "../../lib/model/held_in.ts";
import { tokenLogps } from "../../lib/model/logps.ts";
import {
  type Adapter,
  type AdapterOptions,
  initAdapter,
  mergeAdapter,
  PROJECTIONS,
  unmergeAdapter,
  withAdapter,
  withoutAdapter,
} from "../../lib/model/lora.ts";
import { copyTrained, trainedPart, withTrained } from "../../lib/model/trained.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { cast, copy, type Dtype, floats, numbersOf, size, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { leaves, treeMap } from "../../lib/tensor/tree.ts";
import { inEachPrecision } from "../oracles.ts";
import { config } from "../stages/tiny.ts";

const text = pack([{ prompt: Int32Array.of(5, 9, 2, 7), completions: [Int32Array.of(3, 3, 1)] }]);

function logits(params: DecoderParams): number[] {
  return [...linear(hiddenStates(params, config, text), headOf(params)).data];
}

/** An adapter whose every number is drawn, so that it changes something. */
function drawn(params: DecoderParams, options: AdapterOptions): Adapter {
  const noise = (t: Tensor, path: string): Tensor =>
    tensor(t.shape, normal(fold(key(7), path), size(t.shape)).map((x) => 0.3 * x), t.dtype);
  return treeMap(noise, initAdapter(key(0), params, options));
}

const policy = (dtype: Dtype): DecoderParams => initDecoder(key(1), config, dtype);

/** The norm of row `i`. */
const rowNorm = (w: Tensor, i: number): number => {
  const columns = w.shape[1] as number;
  return Math.hypot(...w.data.slice(i * columns, (i + 1) * columns));
};

const kinds: Readonly<Record<string, AdapterOptions>> = {
  LoRA: { rank: 3, alpha: 6 },
  rsLoRA: { rank: 3, rsLora: true, targets: ["query", "down"] },
  DoRA: { rank: 2, dora: true },
};

for (const [name, options] of Object.entries(kinds)) {
  inEachPrecision(`merged, a ${name} has the logits that it has beside its base`, ({ dtype, near }) => {
    const base = policy(dtype), adapted = withAdapter(base, drawn(base, options));
    const merged = mergeAdapter(adapted);
    assertEquals(merged.adapter, undefined);
    const [plain, changed] = [logits(base), logits(adapted)] as const;
    near(changed, logits(merged));
    assertLess(1e-3, Math.max(...changed.map((x, i) => Math.abs(x - (plain[i] as number)))));
  });

  inEachPrecision(`a fresh ${name} changes nothing`, ({ dtype, near }) => {
    const base = policy(dtype);
    near(logits(withAdapter(base, initAdapter(key(0), base, options))), logits(base));
  });
}

inEachPrecision("unmergeAdapter() gives back what mergeAdapter() began with", ({ dtype, near }) => {
  const base = policy(dtype), adapter = drawn(base, { rank: 3 });
  const back = unmergeAdapter(mergeAdapter(withAdapter(base, adapter)), adapter);
  const all = (params: DecoderParams): number[] => leaves(params).flatMap(([, t]) => [...t.data]);
  near(all(back), all(base));
});

Deno.test("initAdapter() draws A uniformly in ±1/√in and scales by alpha/r, of rsLoRA by alpha/√r", () => {
  const base = policy("f64");
  const { query, down } = initAdapter(key(0), base, { rank: 400, alpha: 40 }).layers[0] as Required<
    Adapter["layers"][number]
  >;
  assertEquals([query.a.shape, query.b.shape, down.a.shape], [[400, 8], [8, 400], [400, 12]]);
  assertEquals([query.scale, query.magnitude], [0.1, undefined]);
  assert(floats(query.b).every((x) => x === 0));
  for (const [{ a }, inner] of [[query, 8], [down, 12]] as const) {
    const bound = 1 / Math.sqrt(inner), draws = [...a.data];
    assert(draws.every((x) => Math.abs(x) <= bound));
    // A uniform's mean is 0 and its mean square a third of its bound's: within four standard errors.
    const n = draws.length, square = draws.reduce((s, x) => s + x * x, 0) / n;
    assertLess(Math.abs(draws.reduce((s, x) => s + x, 0) / n), 4 * bound / Math.sqrt(3 * n));
    assertLess(Math.abs(square - bound ** 2 / 3), 4 * bound ** 2 * Math.sqrt(4 / 45 / n));
  }
  const stable = initAdapter(key(0), base, { rank: 4, alpha: 8, rsLora: true, targets: ["up"] }).layers[0] ?? {};
  assertEquals([Object.keys(stable), stable.up?.scale], [["up"], 4]);
});

Deno.test("a fresh DoRA's magnitudes are the norms of the rows", () => {
  const base = policy("f64"), { value } = initAdapter(key(0), base, { rank: 1, dora: true }).layers[0] ?? {};
  const w = base.layers[0]?.value as Tensor;
  value?.magnitude?.data.slice().forEach((m, i) => assertAlmostEquals(m, rowNorm(w, i), 1e-14));
});

Deno.test("an adapter copies no base: on, off and with its trained part changed, the other tensors are the same", () => {
  const base = policy("f32"), adapted = withAdapter(base, initAdapter(key(0), base, { rank: 2 }));
  const part = trainedPart({ policy: adapted, unit: 3 });
  assertEquals(
    leaves(part).map(([path]) => path.split(".").slice(0, 3).join(".")).every((p) => p === "policy.adapter.layers"),
    true,
  );
  assertEquals(leaves(part).length, 2 * PROJECTIONS.length);
  const { policy: joined } = withTrained({ policy: adapted, unit: 3 }, part);
  for (const params of [withoutAdapter(adapted), joined, copyTrained(adapted)]) {
    assertStrictEquals(params.embedding, base.embedding);
    assertStrictEquals(params.layers[0]?.query, base.layers[0]?.query);
  }
  assertStrictEquals(withoutAdapter(adapted).adapter, undefined);
});

Deno.test("without an adapter everything is trained", () => {
  const base = policy("f32");
  assertEquals(leaves(trainedPart(base)).map(([path]) => path), leaves(base).map(([path]) => path));
});

Deno.test("an adapter that cannot be is refused, by what and why", () => {
  const base = policy("f32");
  const refused = (options: AdapterOptions, sentence: string): unknown =>
    assertThrows(() => initAdapter(key(0), base, options), RangeError, sentence);
  refused({ rank: 0 }, "rank must be a whole number ≥ 1: current value is 0");
  refused({ rank: 1, alpha: 0 }, "alpha must be > 0 and finite: current value is 0");
  refused({ rank: 1, targets: [] }, "targets must name at least one matrix");
  refused({ rank: 1, targets: ["q_proj" as "query"] }, "targets must be among query, key");
  assertThrows(() => withAdapter(base, { layers: [] }), RangeError, "must have the decoder's 1 layers: it has 0");
  const dora = initAdapter(key(0), base, { rank: 1, dora: true });
  assertThrows(() => unmergeAdapter(base, dora), TypeError, "Cannot unmerge a DoRA");
});

for (const format of ["bf16", "f16"] as const) {
  inEachPrecision(
    `a base held in ${format} computes, and trains its adapter, as the widened one to the bit`,
    ({ dtype }) => {
      if (dtype === "f64") return; // it is computed in f32
      const base = policy(dtype), held = heldIn(base, format);
      const wide = treeMap((t: Tensor) => cast(t, dtype), held), adapter = drawn(base, { rank: 3, dora: true });
      const lossOf = (params: DecoderParams) => (trained: unknown) => {
        const all = tokenLogps(withTrained(params, trained), config, text);
        return { loss: { sum: sum(all), count: 3 }, metrics: {} };
      };
      const [a, b] = [held, wide].map((params) => {
        const adapted = withAdapter(params, adapter);
        const { loss, grads } = valueAndGrad(lossOf(adapted))(trainedPart(adapted));
        return [logits(adapted), loss, leaves(grads).map(([, g]) => [...g.data])];
      });
      assertEquals(a, b);
      assertEquals(numbersOf(held.embedding).byteLength, numbersOf(base.embedding).byteLength / 2);
      assertStrictEquals(held.norm, base.norm);
    },
  );
}

Deno.test("a base held in 16 bits is packed and hashed with its bits, and cannot be trained without an adapter", () => {
  const held = heldIn(policy("f32"), "bf16");
  const back = unpackState(structuredClone(packState(held))) as DecoderParams;
  assertEquals(contentHash(back), contentHash(held));
  assertNotEquals(contentHash(held), contentHash(heldIn(policy("f32"), "f16")));
  assertEquals(back.embedding.dtype, "bf16");
  assertEquals(logits(scope(() => treeMap(copy, held))), logits(held));
  assertThrows(
    () => trainedPart(held),
    TypeError,
    "Cannot train embedding as it is held in bf16: hold it in f32, or give the model an adapter",
  );
});
