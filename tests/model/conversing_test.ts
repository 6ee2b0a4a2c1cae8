/** Conversations: the same tokens as without a memory, of a prompt only what is new. */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { memoryUse } from "../../lib/kernels/memory.ts";
import type { LanguageModel } from "../../lib/model/decoder.ts";
import { type Continued, conversing, type DrawTokens } from "../../lib/model/conversing.ts";
import { type DrawnToken, type Generated, generateTokens } from "../../lib/model/generate.ts";
import { key } from "../../lib/tensor/random.ts";
import type { Dtype } from "../../lib/tensor/tensor.ts";
import { inEachPrecision } from "../oracles.ts";
import { formulaModel } from "./formula_models.ts";
import { decoder, decoders } from "./golden.ts";

const options = { key: key(11), maxNewTokens: 6, eos: 2, temperature: 1.2 };
const others = ["gpt2", "gemma2", "gemma3_text", "smollm3"] as const;
const models: Readonly<Record<string, (dtype: Dtype) => LanguageModel>> = {
  ...Object.fromEntries(decoders.map((name) => [name, (dtype: Dtype) => decoder(name, dtype)])),
  ...Object.fromEntries(others.map((name) => [name, (dtype: Dtype) => formulaModel(name, dtype)])),
};

/** Everything that a generator gives, its tokens and its end. */
function taken<T>(tokens: Generator<DrawnToken, T>, most = Infinity): { drawn: DrawnToken[]; end: T | undefined } {
  const drawn: DrawnToken[] = [];
  for (let next = tokens.next();; next = tokens.next()) {
    if (next.done) return { drawn, end: next.value };
    drawn.push(next.value);
    if (drawn.length === most) return { drawn, end: undefined };
  }
}

/** A turn of a conversation, held to what is drawn without a memory; how many tokens of the prompt were computed. */
function turn(model: LanguageModel, draw: DrawTokens, prompt: readonly number[]): Continued {
  const ids = Int32Array.from(prompt);
  const alone = taken<Generated>(generateTokens(model, ids, options)), continued = taken(draw(ids, options));
  const { computed, ...end } = continued.end as Continued;
  assertEquals(continued.drawn, alone.drawn);
  assertEquals(end, alone.end);
  return { ...end, computed };
}

for (const [name, modelIn] of Object.entries(models)) {
  inEachPrecision(
    `the ${name} decoder says in a conversation what it says without a memory, bit for bit`,
    ({ dtype }) => {
      const model = modelIn(dtype), draw = conversing(model);
      const first = [1, 7, 3, 12];
      const { ids, computed } = turn(model, draw, first);
      assertEquals(computed, 4);
      // All is known but the newest token, which nobody has read yet, and what comes after it.
      const second = [...first, ...ids, 4, 8];
      assertEquals(turn(model, draw, second).computed, 3);
      // The same once more: a token is drawn from what is made of the last one.
      assertEquals(turn(model, draw, second).computed, 1);
      // A question taken back, another one asked.
      assertEquals(turn(model, draw, [...first, ...ids, 5, 8, 8]).computed, 3);
      assertEquals(turn(model, draw, first.slice(0, 2)).computed, 1);
      assertEquals(turn(model, draw, [9, 1, 1]).computed, 3);
    },
  );
}

Deno.test("a conversation whose answer is broken off goes on from the tokens that were read", () => {
  const model = decoder(decoders[0]!, "f32"), draw = conversing(model);
  const { drawn } = taken(draw(Int32Array.of(1, 7, 3, 12), { ...options, eos: -1 }), 3);
  const said = drawn.map(({ id }) => id);
  assertEquals(turn(model, draw, [1, 7, 3, 12, ...said, 4]).computed, 2); // the third token and the next question
});

Deno.test("a conversation holds one cache, whatever its turns, and is none the worse for a prompt that is refused", () => {
  const model = decoder(decoders[0]!, "f32"), draw = conversing(model);
  const { layers, attention: { kvHeads, headDim }, contextLength } = model.config;
  const cacheBytes = 2 * layers * contextLength * kvHeads * headDim * 4;
  const ask = (prompt: readonly number[]): unknown =>
    taken(draw(Int32Array.from(prompt), { ...options, eos: -1, maxNewTokens: contextLength })).end;
  ask([1, 7, 3, 12]);
  const before = memoryUse().bytes;
  for (const last of [4, 5, 6]) ask([9, 1, 1, last]);
  assertLess(memoryUse().bytes - before, cacheBytes); // tables of angles, which are collected later, but no cache
  assertThrows(() => ask(Array(1000).fill(1)), RangeError, "leaves no room");
  assertEquals(turn(model, draw, [9, 1, 1, 5]).computed, 1);
  assertThrows(() => ask([]), RangeError);
  assertEquals(turn(model, draw, [9, 1, 1, 5]).computed, 4); // a pass that broke off may have spoilt the cache
});
