import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { specialId } from "../../lib/data/chat.ts";
import { CHAT_TOKENS } from "../../lib/data/chat_tokens.ts";
import { encode, vocabSizeOf } from "../../lib/data/tokenizer.ts";
import { pipeline } from "../../lib/flow/pipeline.ts";
import { finish, run } from "../../lib/flow/run.ts";
import { fitTokenizer, initPolicy } from "../../lib/stages/init_policy.ts";
import { config, finished, numbers } from "./tiny.ts";

const pair = (prompt: string, chosen: string, rejected: string) => ({ id: prompt, prompt, chosen, rejected });
const pairs = Array.from({ length: 8 }, (_, i) => pair(`say honey ${i}`, "honey honey", "money"));
const heldOutPairs = Array.from({ length: 50 }, (_, i) => pair(`say zebra ${i}`, "zebra zebra", "zebras"));

Deno.test("fitTokenizer() learns from prompts and both completions of the training pairs, and from no other", async () => {
  const { tokenizer, config: fitted } = (await finished(fitTokenizer({ ...config, vocabSize: 280 }), {
    pairs,
    heldOutPairs,
  })).state;
  assertEquals(fitted, { ...config, vocabSize: vocabSizeOf(tokenizer) });
  assertEquals(CHAT_TOKENS.map((name) => specialId(tokenizer, name)), [0, 1, 2].map((i) => fitted.vocabSize - 3 + i));
  assertEquals(["say", " honey", "money"].map((word) => encode(tokenizer, word).length), [1, 1, 1]);
  assertEquals(encode(tokenizer, "zebra").length, 5);
});

Deno.test("fitTokenizer() takes no more tokens than the architecture allows, and fewer where there is less to learn", async () => {
  const size = async (vocabSize: number): Promise<number> =>
    (await finished(fitTokenizer({ ...config, vocabSize }), { pairs, heldOutPairs })).state.config.vocabSize;
  assertEquals(await size(262), 262);
  assert(await size(5000) < 300);
});

Deno.test("initPolicy() draws by the seed: the same weights to the byte, or others", async () => {
  const init = pipeline("init", [fitTokenizer({ ...config, vocabSize: 262 }), initPolicy()]);
  const weights = async (seed: number) =>
    numbers((await finished(init, { pairs, heldOutPairs }, { seed })).state.policy);
  assertEquals((await weights(1))[0]?.length, 262 * config.hiddenSize);
  assertEquals(await weights(1), await weights(1));
  assertNotEquals(await weights(1), await weights(2));
});

Deno.test("fitTokenizer() refuses pairs of token ids, whose tokenizer it cannot know", async () => {
  const pair = { id: "a", prompt: Int32Array.of(1), chosen: Int32Array.of(2), rejected: Int32Array.of(3) };
  const result = await finish(run(fitTokenizer(config), { seed: 0, given: { pairs: [pair], heldOutPairs: [] } }));
  assertEquals(result._tag === "Left" && result.left.sentences, [
    "Cannot fit a tokenizer as pairs must be texts: row a is token ids, which need the model they are of",
  ]);
});
