import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { CHAT_TOKENS } from "../../lib/data/chat_tokens.ts";
import { tokenizerJson } from "../../lib/data/tokenizer_json.ts";
import { trainTokenizer } from "../../lib/data/train_tokenizer.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { type DecoderConfig, initDecoder } from "../../lib/model/decoder.ts";
import { right } from "../../lib/result.ts";
import { loadPolicy, type LoadPolicyOptions, loadRef, type StoredModel } from "../../lib/stages/load_policy.ts";
import { key } from "../../lib/tensor/random.ts";
import { buildHalf, cast } from "../../lib/tensor/tensor.ts";
import { config, finished } from "./tiny.ts";

const params = initDecoder(key(0), config);
const texts = {
  "tokenizer.json": JSON.stringify(tokenizerJson(trainTokenizer([], { vocabSize: 259, specialTokens: CHAT_TOKENS }))),
};
const stored: StoredModel = { config, params, form: { json: { eos_token_id: 2 } }, texts };

const loaded = (change: Partial<StoredModel> = {}, options: Partial<LoadPolicyOptions> = {}) =>
  finished(loadPolicy(() => Promise.resolve(right({ ...stored, ...change })), { name: "models/a", ...options }), {});

/** Why a model is refused. */
async function refusal(
  change: Partial<StoredModel>,
  options: Partial<LoadPolicyOptions> = {},
): Promise<readonly string[]> {
  const source = () => Promise.resolve(right({ ...stored, ...change }));
  const result = await finish(run(loadPolicy(source, { name: "models/a", ...options }), { seed: 0, given: {} }));
  return result._tag === "Left" ? result.left.sentences : [];
}

Deno.test("loadPolicy() gives the model as it is, within the context that is asked for", async () => {
  const { state, events } = await loaded({}, { contextLength: 32 });
  assertEquals([state.policy, state.form], [params, stored.form]);
  assertEquals([state.config, (await loaded({}, { contextLength: 999 })).state.config], [
    { ...config, contextLength: 32 },
    config,
  ]);
  assertEquals("specialTokens" in state.tokenizer && Object.keys(state.tokenizer.specialTokens), [...CHAT_TOKENS]);
  const remarks = events.flatMap((event) => event.type === "remark" ? [event.message] : []);
  assertEquals(remarks.length, 1);
  assert(/^models\/a: 2,576 parameters, content hash [0-9a-f]{16}$/.test(remarks[0]!), remarks[0]); // 259·8, a layer of 8·(8 + 4 + 4 + 8) + 3·12·8 + 2·8, and 8
});

Deno.test("loadPolicy() says where a model reads less than its config.json promises", async () => {
  const remarks = async (max_position_embeddings: number): Promise<readonly string[]> =>
    (await loaded({ form: { json: { max_position_embeddings } } })).events
      .flatMap((event) => event.type === "remark" ? [event.message] : []);
  assertEquals((await remarks(config.contextLength)).length, 1);
  assertEquals(
    (await remarks(131_072))[1],
    "models/a reads at most 64 tokens here: in longer texts its angles are others",
  );
});

Deno.test("loadPolicy() without a tokenizer.json takes what ends a completion from the configs, or nothing", async () => {
  const ends = async (change: Partial<StoredModel>): Promise<unknown> => {
    const { tokenizer } = (await loaded({ texts: {}, ...change })).state;
    return "idCount" in tokenizer && [tokenizer.idCount, ...tokenizer.ends];
  };
  assertEquals(await ends({}), [259, 2]);
  assertEquals(await ends({ texts: { "generation_config.json": '{"eos_token_id": [7, 8]}' } }), [259, 7, 8]);
  assertEquals(await ends({ form: { json: {} } }), [259]);
});

Deno.test("loadPolicy() refuses a tokenizer with more ids than there are embeddings", async () => {
  const small = { ...config, vocabSize: 200 };
  assertEquals(await refusal({ config: small, params: initDecoder(key(0), small) }), [
    "Cannot use models/a as its tokenizer's ids must be below 200, the number of its embeddings: they go up to 258",
  ]);
});

Deno.test("loadPolicy() tells the content hash, and refuses a model of another one", async () => {
  const hashOf = async (change: Partial<StoredModel>): Promise<string> => {
    const { events } = await loaded(change);
    return events.flatMap((event) => event.type === "setting" ? [`${event.name}=${event.value}`] : []).join();
  };
  const own = await hashOf({}), hash = own.replace("modelHash=", "");
  assertEquals([own, hash.length], [`modelHash=${hash}`, 16]);
  assertNotEquals(await hashOf({ params: initDecoder(key(1), config) }), own);
  assertNotEquals(await hashOf({ texts: {} }), own);
  assertEquals(await refusal({}, { hash }), []);
  assertEquals(await refusal({}, { hash: "0123456789abcdef" }), [
    `Cannot use models/a as it must have the content hash 0123456789abcdef, as when the run began: current value is ${hash}`,
  ]);
});

Deno.test("the content hash is of the numbers, whether the model is held in 16 bits or in 32", async () => {
  const bits = (length: number): Uint16Array => Uint16Array.from({ length }, (_, i) => 0x3c00 + 7 * i % 512);
  const half = { ...params, embedding: buildHalf("bf16", [259, 8], (out) => out.set(bits(259 * 8))) };
  const wide = { ...params, embedding: cast(half.embedding, "f32") };
  const hashes = await Promise.all([half, wide, params].map(async (params) => {
    const { events } = await loaded({ params });
    return events.flatMap((event) => event.type === "setting" ? [event.value] : [])[0];
  }));
  assertEquals(hashes[0], hashes[1]);
  assertNotEquals(hashes[0], hashes[2]);
});

Deno.test("loadRef() takes a reference of the policy's architecture, whatever its context, and refuses another by its parts", async () => {
  const refOf = async (own: Partial<DecoderConfig>): Promise<unknown> => {
    const source = () => Promise.resolve(right({ ...stored, config: { ...config, ...own } }));
    const result = await finish(run(loadRef(source, { name: "models/b" }), { seed: 0, given: { config } }));
    return result._tag === "Left" ? result.left.sentences : result.right.ref;
  };
  assertEquals(await refOf({ contextLength: 9 }), params);
  assertEquals(await refOf({ layers: 2, vocabSize: 300 }), [
    "Cannot take models/b as the reference as it must have the architecture of the policy: vocabSize is 300, not 259; " +
    "layers is 2, not 1",
  ]);
});
