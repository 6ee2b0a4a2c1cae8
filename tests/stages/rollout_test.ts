import { assert, assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { decodeCompletion, encodePrompt } from "../../lib/data/chat.ts";
import type { Tokenizer } from "../../lib/data/tokenizer.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { type DecoderParams, initDecoder } from "../../lib/model/decoder.ts";
import { tokenLogps } from "../../lib/model/logps.ts";
import {
  collectPrompts,
  disagreement,
  examplesOf,
  importanceOf,
  offsetsOf,
  rollout,
} from "../../lib/stages/rollout.ts";
import { key } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { tensor } from "../../lib/tensor/tensor.ts";
import { model, promptOf, rolloutOf } from "./rollouts.ts";
import { config, end, finished, idOf, tokenizer } from "./tiny.ts";

const prompts = [..."xyz"].map(promptOf);
const given = { ...model, prompts };

/** log-probabilities of a completion's tokens under probabilities of a, b and the end. */
const logpsUnder = (ids: Int32Array, p: Readonly<Record<string, number>>): readonly number[] =>
  Array.from(
    ids,
    (id) => Math.log(id === end ? p.end as number : p[String.fromCharCode(idOfs.get(id) as number)] as number),
  );
const idOfs = new Map([..."ab"].map((c) => [idOf(c), c.charCodeAt(0)]));

Deno.test("rollout() gives every completion its probabilities as drawn, as trained and under the reference", async () => {
  const { state } = await finished(rollout({ prompts: 3, samples: 40, maxNewTokens: 4 }), given);
  assertEquals(state.rollouts.length, 120);
  const ends = new Set<string>();
  for (const r of state.rollouts) {
    logpsUnder(r.ids, { a: 0.5, b: 0.25, end: 0.25 }).forEach((logp, t) => {
      assertAlmostEquals(r.sampledLogps[t] as number, logp, 1e-5);
      assertAlmostEquals(r.tokenLogps[t] as number, logp, 1e-5);
    });
    logpsUnder(r.ids, { a: 0.25, b: 0.5, end: 0.25 }).forEach((logp, t) =>
      assertAlmostEquals(r.refLogps[t] as number, logp, 1e-5)
    );
    assertEquals(r.text, decodeCompletion(tokenizer, r.ids));
    assertEquals(r.end, r.ids.at(-1) === end ? "eos" : "length");
    ends.add(r.end);
  }
  assertEquals([...ends].sort(), ["eos", "length"]);
  assertEquals(new Set(state.rollouts.map((r) => r.prompt.id)), new Set("xyz"));
});

Deno.test("rollout() ends a completion at a stop text, which stays part of it", async () => {
  const { state } = await finished(rollout({ prompts: 3, samples: 40, maxNewTokens: 9, stop: ["ab"] }), given);
  const stopped = state.rollouts.filter((r) => r.end === "stop");
  assert(stopped.length > 10);
  for (const r of state.rollouts) {
    assertEquals(r.text.indexOf("ab"), r.end === "stop" ? r.text.length - 2 : -1, r.text);
  }
});

Deno.test("rollout() draws other prompts in every iteration, each at most once, and all if there are too few", async () => {
  const ids = async (seed: number, count: number): Promise<string> => {
    const { state } = await finished(rollout({ prompts: count, maxNewTokens: 1 }), given, { seed });
    return state.rollouts.map((r) => r.prompt.id).join("");
  };
  assertEquals([...await ids(1, 99)].sort(), [..."xyz"]);
  const drawn = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => ids(seed, 2)));
  assert(drawn.every((d) => d.length === 2 && d[0] !== d[1]));
  assert(new Set(drawn).size > 2, drawn.join());
});

Deno.test("rollout() refuses another temperature, top-k or top-p unless a correction is named", async () => {
  for (const spec of [{ temperature: 0.7 }, { topK: 2 }, { topP: 0.9 }]) {
    assertThrows(() => rollout({ prompts: 1, maxNewTokens: 1, ...spec }), RangeError, "correction");
  }
  const correction = { type: "importance", cap: 1.2 } as const;
  const stage = rollout({ prompts: 3, samples: 40, maxNewTokens: 3, topK: 2, correction });
  const { state } = await finished(stage, given);
  for (const r of state.rollouts) {
    // Of a, b and the end the two most probable are a and (first of equals) one other: q = π / (½ + ¼).
    r.sampledLogps.forEach((logp, t) => assertAlmostEquals(logp, (r.tokenLogps[t] as number) - Math.log(0.75), 1e-5));
    importanceOf(r, correction.cap).forEach((w) => assertAlmostEquals(w, 0.75, 1e-5));
  }
});

Deno.test("importanceOf() is π/q up to the cap, and 1 where tokens were drawn from π", () => {
  const [half, twice] = [Math.log(2), -Math.log(2)];
  const logps = rolloutOf("aa").tokenLogps;
  const drawn = Float64Array.from(logps, (x, t) => x + ([half, twice, 0][t] as number));
  const tempered = rolloutOf("aa", { sampling: { temperature: 2 }, sampledLogps: drawn });
  [0.5, 1.5, 1].forEach((w, t) => assertAlmostEquals(importanceOf(tempered, 1.5)[t] as number, w, 1e-12));
  assertEquals([...importanceOf(rolloutOf("aa", { sampledLogps: drawn }), 1.5)], [1, 1, 1]);
});

Deno.test("disagreement() names the first token that generation and trainer see differently", () => {
  const bad = rolloutOf("ab", { sampledLogps: rolloutOf("ab").tokenLogps.map((x, t) => t === 1 ? x + 0.01 : x) });
  const name = (id: number): string => decodeCompletion(tokenizer, Int32Array.of(id));
  assertEquals(disagreement([rolloutOf("ab")], name), undefined);
  const sentence = disagreement([rolloutOf("a"), bad], name);
  assert(sentence?.includes('in the reply to p, token 1 ("b") was drawn at -1.376'), sentence);
});

Deno.test("examplesOf() lets neighbours with one prompt share it; offsetsOf() counts their tokens", () => {
  const [x, y] = [promptOf("x"), promptOf("y")];
  const rollouts = [
    rolloutOf("a", { prompt: x }),
    rolloutOf("bb", { prompt: x }),
    rolloutOf("", { prompt: y }),
    rolloutOf("a", { prompt: x }),
  ];
  assertEquals(examplesOf(rollouts).map(({ completions }) => completions.map((c) => c.length)), [[2, 3], [1], [2]]);
  assertEquals([...offsetsOf(rollouts)], [0, 2, 5, 6, 8]);
});

Deno.test("collectPrompts() gives each prompt once, and names those that leave no room for an answer", async () => {
  const long = "y".repeat(config.contextLength);
  const pairs = ["x", "x", long, "z"].map((prompt, i) => ({ id: `row ${i}`, prompt, chosen: "a", rejected: "b" }));
  const rows = pairs.map(({ id, prompt }) => (
    { id, prompt: encodePrompt(tokenizer, prompt), chosen: Int32Array.of(end), rejected: Int32Array.of(end) }
  ));
  const { state, events } = await finished(collectPrompts(), { pairs, rows, config, tokenizer });
  assertEquals(state.prompts.map(({ id, text }) => [id, text]), [["row 0", "x"], ["row 3", "z"]]);
  const warnings = events.flatMap((e) => e.type === "warning" ? [e.message] : []);
  assertEquals(warnings.length, 1);
  assert(
    warnings[0]?.startsWith("1 prompts fill the context of 64 tokens and are not rolled out: those of rows row 2."),
  );
});

Deno.test("collectPrompts() shows the prompts of token ids as text, without a tokenizer as the ids themselves", async () => {
  const prompt = encodePrompt(tokenizer, "x"), ids = { chosen: Int32Array.of(end), rejected: Int32Array.of(end) };
  const pairs = [{ id: "a", prompt, ...ids }];
  const textOf = async (own: Tokenizer): Promise<unknown> => {
    const { state } = await finished(collectPrompts(), { pairs, rows: pairs, config, tokenizer: own });
    return state.prompts.map(({ text, ids }) => [text, ids]);
  };
  assertEquals(await textOf(tokenizer), [["<|user|>x<|assistant|>", prompt]]);
  assertEquals(await textOf({ idCount: 259, ends: [] }), [[[...prompt].join(" "), prompt]]);
});

Deno.test("collectPrompts() keeps a prompt that leaves room for one token, and none that leaves room for none", async () => {
  const pairs = [63, 64].map((n) => ({ id: `${n}`, prompt: `${n}`, chosen: "a", rejected: "b" }));
  const rows = pairs.map(({ id }) => (
    { id, prompt: new Int32Array(Number(id)), chosen: Int32Array.of(end), rejected: Int32Array.of(end) }
  ));
  const { state } = await finished(collectPrompts(), { pairs, rows, config, tokenizer });
  assertEquals(state.prompts.map(({ id }) => id), ["63"]);
});

Deno.test("collectPrompts() fails where no prompt leaves room for an answer", async () => {
  const prompt = encodePrompt(tokenizer, "y".repeat(config.contextLength));
  const row = { id: "r", prompt, chosen: Int32Array.of(end), rejected: Int32Array.of(end) };
  const pairs = [{ id: "r", prompt: "y", chosen: "a", rejected: "b" }];
  const result = await finish(run(collectPrompts(), { seed: 0, given: { pairs, rows: [row], config, tokenizer } }));
  assert(result._tag === "Left" && result.left.kind === "input");
  assertEquals(result.left.sentences, [
    "Cannot roll out as a prompt must leave room for an answer in the context of 64 tokens: of 1 none does",
  ]);
});

/** Prompts of two letters, more than one step rolls out, and policies that heed them. */
const many = [..."abcdefghijkl"].flatMap((a) =>
  [..."abcdefghijkl"].map((b) => ({ id: a + b, text: a + b, ids: Int32Array.of(idOf(a), idOf(b)) }))
);
const heeding = { config, tokenizer, policy: initDecoder(key(1), config), ref: initDecoder(key(2), config) };

Deno.test("rollout() gives every prompt its own replies, in steps of any size, at the probabilities of each alone", async () => {
  const stage = rollout({ prompts: 999, samples: 2, maxNewTokens: 3 });
  const { state, metrics } = await finished(stage, { ...heeding, prompts: many });
  assertEquals([state.rollouts.length, metrics.length], [288, 5]);
  assertEquals(new Set(state.rollouts.map(({ prompt }) => prompt.id)).size, 144);
  state.rollouts.forEach(({ prompt }, i, all) => assertEquals(prompt, all[i - i % 2]?.prompt));
  for (const r of state.rollouts.filter((_, i) => i % 29 === 0)) {
    const alone = (params: DecoderParams): readonly number[] => [
      ...tokenLogps(params, config, pack([{ prompt: r.prompt.ids, completions: [r.ids] }])).data,
    ];
    assertEquals([...r.tokenLogps], alone(heeding.policy));
    assertEquals([...r.refLogps], alone(heeding.ref));
  }
});

Deno.test("rollout() keeps how its tokens were drawn: what is not said is left out", async () => {
  const correction = { type: "importance", cap: 2 } as const;
  for (const spec of [{ temperature: 0.5 }, { temperature: 1, topK: 2 }, { temperature: 1, topP: 0.6 }]) {
    const { state } = await finished(rollout({ prompts: 1, maxNewTokens: 2, correction, ...spec }), given);
    assertEquals(state.rollouts[0]?.sampling, spec);
  }
});

Deno.test("rollout() stops the run where generation and trainer do not agree, as on what is no number", async () => {
  const broken = { ...model.policy, head: tensor([259, 8], new Float64Array(259 * 8).fill(NaN)) };
  const stage = rollout({ prompts: 3, maxNewTokens: 4 });
  const result = await finish(run(stage, { seed: 0, given: { ...given, policy: broken } }));
  assert(result._tag === "Left" && result.left.kind === "run");
  assertStringIncludes(result.left.sentences.join(), "agree on every token: in the reply to z, token 0");
  assertStringIncludes(result.left.sentences.join(), "was drawn at NaN nats");
});
