import { assert, assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import { checkGrads } from "../../lib/grad/check_grads.ts";
import { gatherRows, linear } from "../../lib/grad/layers.ts";
import { headOf, initDecoder } from "../../lib/model/decoder.ts";
import { hiddenStates } from "../../lib/model/forward.ts";
import {
  initReward,
  lastTokens,
  type RewardParams,
  rewards,
  values,
  valuesAt,
  zeroValueHead,
} from "../../lib/model/heads.ts";
import { key } from "../../lib/tensor/random.ts";
import { type Batch, pack } from "../../lib/tensor/ragged.ts";
import { type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { inEachPrecision } from "../oracles.ts";
import { decoder, decoders, pairs, sequence } from "./golden.ts";

const batch = pack(pairs.map(({ prompt, chosen, rejected }) => ({ prompt, completions: [chosen, rejected] })));

for (const name of decoders) {
  inEachPrecision(
    `rewards() with a token's own row as the head are the ${name} decoder's logits of it`,
    ({ dtype, near }) => {
      const { params, config, figures } = decoder(name, dtype);
      for (const [position, logits] of Object.entries(figures.logits)) {
        const end = Number(position) + 1;
        if (end < 2) continue; // a completion needs a prompt
        const text = pack([{ prompt: sequence.slice(0, 1), completions: [sequence.slice(1, end)] }]);
        const found = logits.map((_, token) => {
          const score = gatherRows(headOf(params), Int32Array.of(token));
          return rewards({ trunk: params, score }, config, text).data[0] as number;
        });
        near(found, logits);
      }
    },
  );
}

const { config, params } = decoder("tied", "f64");
const reward: RewardParams = initReward(key(1), params);

Deno.test("rewards() of a batch are those of each completion alone, the prompt shared or not", () => {
  const alone = pairs.flatMap(({ prompt, chosen, rejected }) =>
    [chosen, rejected].map((c) => rewards(reward, config, pack([{ prompt, completions: [c] }])).data[0] as number)
  );
  const together = rewards(reward, config, batch).data;
  alone.forEach((r, i) => assertAlmostEquals(together[i] as number, r, 1e-12));
});

/** The place that code with padding takes for the last: the last token of each completion that is not `pad`. */
function lastById(batch: Batch, pad: number): Int32Array {
  return lastTokens(batch).map((place) => {
    while (batch.ids[place] === pad) place--;
    return place;
  });
}

Deno.test("rewards() read the last token by length: with the end token for padding, reading by id is one too early", () => {
  const end = 2;
  const text = pack([{ prompt: Int32Array.of(5, 7), completions: [Int32Array.of(9, 4, end), Int32Array.of(end)] }]);
  assertEquals(lastTokens(text), Int32Array.of(4, 5));
  assertEquals(lastById(text, end), Int32Array.of(3, 3)); // the second one not even in its own completion
  const hidden = hiddenStates(reward.trunk, config, text);
  const at = (places: Int32Array): readonly number[] => [...linear(gatherRows(hidden, places), reward.score).data];
  assertEquals([...rewards(reward, config, text).data], at(lastTokens(text)));
  at(lastById(text, end)).forEach((wrong, i) =>
    assertLess(0.01, Math.abs(wrong - (rewards(reward, config, text).data[i] as number)))
  );
});

Deno.test("rewards() have the gradients of central differences, trunk and head", () => {
  const f = (p: RewardParams): Tensor => rewards(p, config, batch);
  for (const seed of [1, 2]) assertLess(checkGrads(f, reward, { key: key(seed), step: 2e-4 }).error, 1e-7);
});

Deno.test("initReward() takes the trunk as it is, leaves the language-model head behind, and draws a head of unit rewards", () => {
  const untied = decoder("untied", "f64");
  const { trunk, score } = initReward(key(1), untied.params);
  assert(!("head" in trunk) && trunk.embedding === untied.params.embedding);
  assertEquals([score.shape, score.dtype], [[1, untied.config.hiddenSize], "f64"]);
  const wide = {
    ...config,
    hiddenSize: 4096,
    vocabSize: 2,
    layers: 1,
    attention: { heads: 1, kvHeads: 1, headDim: 2 },
  };
  const drawn = initReward(key(2), { ...initDecoder(key(0), { ...wide, mlp: { type: "gatedSilu", size: 1 } }) });
  const square = Array.from(drawn.score.data).reduce((sum, x) => sum + x * x, 0);
  assertAlmostEquals(square, 4096 / 4097, 0.1); // times hidden states of mean square 1: deviation 1
  assertEquals([...initReward(key(1), params).score.data], [...reward.score.data]);
});

const surprisals = Array.from(batch.ids, (_, i) => (i % 5) / 2);
const width = config.hiddenSize;
const direction = tensor([width, 1], Array.from({ length: width }, (_, i) => Math.cos(i) / 10), "f64");

Deno.test("rewards() that read surprise are those of embeddings moved by as much, each token its own way", () => {
  const ids = Int32Array.from({ length: 4 }, (_, i) => 3 + i); // each id once, so that each has a row to move
  const text = pack([{ prompt: ids.slice(0, 1), completions: [ids.slice(1)] }]);
  const own = [0, 0.5, 2, 6];
  const rows = Array.from(params.embedding.data);
  ids.forEach((id, t) => {
    for (let i = 0; i < width; i++) {
      (rows[id * width + i] as number) += (own[t] as number) * (direction.data[i] as number);
    }
  });
  const moved = { ...reward.trunk, embedding: tensor(params.embedding.shape, rows, "f64") };
  const [expected] = rewards({ ...reward, trunk: moved }, config, text).data;
  const [found] = rewards({ ...reward, surprise: direction }, config, text, { surprisals: own }).data;
  assertAlmostEquals(found as number, expected as number, 1e-12);
  assertLess(1e-3, Math.abs(found as number - (rewards(reward, config, text).data[0] as number)));
});

Deno.test("rewards() that read surprise begin as those that do not, and have the gradients of central differences", () => {
  const first = initReward(key(1), params, { surprise: true });
  assertEquals([...rewards(first, config, batch, { surprisals }).data], [...rewards(reward, config, batch).data]);
  const f = (p: RewardParams): Tensor => rewards(p, config, batch, { surprisals });
  const point = { ...reward, surprise: direction };
  for (const seed of [1, 2]) assertLess(checkGrads(f, point, { key: key(seed), step: 2e-4 }).error, 1e-7);
});

Deno.test("rewards() refuse surprisals that the model does not read, and a model that reads them without", () => {
  assertThrows(() => rewards(reward, config, batch, { surprisals }), TypeError, "does not read surprisals");
  assertThrows(() => rewards({ ...reward, surprise: direction }, config, batch), TypeError, "reads surprisals");
});

Deno.test("values() read what is known before each token, and after the last one, of a critic's trunk or the policy's", () => {
  const { trunk, score } = reward;
  const other = initDecoder(key(7), config, "f64");
  const head = { weight: score, bias: zeroValueHead(params).bias };
  for (const [critic, read] of [[{ trunk: other, head }, other], [{ head }, trunk]] as const) {
    const { before, after } = values(critic, params, { config, batch });
    let at = 0;
    pairs.flatMap(({ prompt, chosen, rejected }) => [chosen, rejected].map((c) => [prompt, c] as const)).forEach(
      ([prompt, completion], b) => {
        const text = Int32Array.of(...prompt, ...completion);
        const states = hiddenStates(read, config, pack([{ prompt: text, completions: [] }]));
        const all = [...valuesAt(states, head).data].slice(prompt.length - 1); // V of the prompt is V before token 0
        completion.forEach((_, t) => assertAlmostEquals(before.data[at++] as number, all[t] as number, 1e-12));
        assertAlmostEquals(after.data[b] as number, all.at(-1) as number, 1e-12);
      },
    );
    assertEquals(at, before.data.length);
  }
});
