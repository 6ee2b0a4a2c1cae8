/**
 * What transformers and PEFT make of the folders that our pipelines write, where a Python that has them is named:
 * `deno test -R -W --allow-run tests/interop -- PYTHON`.
 */
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import {
  decode,
  type DecoderParams,
  encode,
  encodeChat,
  encodePrompt,
  endIds,
  type Example,
  generate,
  hiddenStates,
  isPretrained,
  key,
  logitsAt,
  pack,
  type PolicyState,
  renderChat,
  rewardsOf,
  withoutAdapter,
} from "../../mod.ts";
import { aligned, type Export, type Making, rewarding, SHARED, speaking, world } from "./exports.ts";
import { type Answer, type Logits, type Peer, startPeer } from "./peer.ts";

const [python] = Deno.args;
const granted = await Promise.all((["read", "write", "run"] as const).map((name) => Deno.permissions.query({ name })));
const ignore = python === undefined || !granted.every(({ state }) => state === "granted") ||
  !await Deno.stat(SHARED).then(() => true, () => false);

/** A folder to be made, and what is expected of it. */
interface Case {
  readonly make: Making;
  readonly class: string;
  /** Whether it has a tokenizer, and that a chat template. */
  readonly speaks?: "texts" | "chats";
}

const CLASSES: Readonly<Record<string, string>> = {
  ...{ llama: "Llama", "llama-sharded": "Llama", "llama-bf16": "Llama", "llama-f16": "Llama", "llama3-rope": "Llama" },
  ...{ gpt2: "GPT2LMHead", qwen2: "Qwen2", mistral: "Mistral", smollm3: "SmolLM3", phi3: "Phi3" },
  ...{ "phi3-partial-rotary": "Phi3", gemma2: "Gemma2", gemma3: "Gemma3" },
};
const classOf = (model: string): string => `${CLASSES[model]}${model === "gpt2" ? "Model" : "ForCausalLM"}`;

const plain = (model: string): readonly [string, Case] => [model, { make: aligned(model), class: classOf(model) }];

const adapted = (model: string, flags = "--lora-rank 4"): readonly [string, Case] => [
  `${model} ${flags}`,
  { make: aligned(model, flags), class: classOf(model) },
];

const speaker = (tokenizer: string, flags = ""): readonly [string, Case] => [
  `a model with the tokenizer ${tokenizer} ${flags}`.trim(),
  {
    ...{ make: speaking(tokenizer, flags), class: classOf("llama") },
    speaks: tokenizer.startsWith("chat") ? "chats" : "texts",
  },
];

const CASES: readonly (readonly [name: string, of: Case])[] = [
  ["the fixture world's policy", { make: world, class: classOf("llama"), speaks: "chats" }],
  ...Object.keys(CLASSES).map(plain),
  ...["llama", "llama-bf16", "gpt2", "qwen2", "phi3", "gemma2", "gemma3"].map((model) => adapted(model)),
  adapted("llama", "--lora-rank 4 --lora-alpha 9 --rs-lora --lora-targets q,down"),
  adapted("llama", "--lora-rank 4 --dora"),
  adapted("phi3", "--lora-rank 4 --lora-targets q,v"),
  ...["llama", "llama-bf16", "gpt2"].map((model) => adapted(model, "--lora-rank 4 --merge")),
  ...["chatml", "llama3", "gemma", "phi3", "mistral"].map((style) => speaker(`chat/${style}`)),
  ...["gpt2-byte-bpe", "llama3-byte-bpe", "qwen2-byte-bpe"].map((kind) => speaker(`tokenizers/${kind}`)),
  ...["sp-bpe-byte-fallback", "unigram-metaspace"].map((kind) => speaker(`tokenizers/${kind}`)),
  speaker("chat/chatml", "--lora-rank 4"),
  ["llama as a reward model", { make: rewarding("llama"), class: "LlamaForSequenceClassification" }],
  ["qwen2 as a reward model", { make: rewarding("qwen2"), class: "Qwen2ForSequenceClassification" }],
  ["gpt2 as a reward model", { make: rewarding("gpt2"), class: "GPT2ForSequenceClassification" }],
  ["gemma3 as a reward model", { make: rewarding("gemma3"), class: "Gemma3TextForSequenceClassification" }],
];

const CARDS: Readonly<Record<Export["kind"], Answer["card"]>> = {
  model: { library_name: "transformers", pipeline_tag: "text-generation" },
  adapter: { library_name: "peft", pipeline_tag: "text-generation" },
  reward: { library_name: "transformers", pipeline_tag: "text-classification" },
};

const SEQUENCES = [[3, 17, 8, 101, 21, 5, 12, 90, 44], [1, 9, 9, 20, 14, 2, 7, 23, 11, 6, 18, 60, 33, 71]];
const PROMPT = [4, 13, 22, 57], NEW_TOKENS = 16;
const TEXTS = [
  "Hello, how are you?  I'm fine.",
  "def f(x):\n    return x**2 # naïve — 3.14159",
  "日本語 und Grüße 🐢🇩🇪",
  " leading, trailing \n\n",
];
const CONVERSATIONS = [
  [{ role: "user", content: "What is 2 + 2?" }],
  [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello there." }, { role: "user", content: "And?" }],
] as const;

let peer: Peer, scratch: string;
Deno.test.beforeAll(async () => {
  if (!ignore) [peer, scratch] = [startPeer(python!), await Deno.makeTempDir()];
});
Deno.test.afterAll(async () => {
  if (ignore) return;
  await peer.close();
  await Deno.remove(scratch, { recursive: true });
});

for (const [i, [name, of]] of CASES.entries()) {
  Deno.test({
    name: `transformers loads ${name}: our logits, greedy text and tokens`,
    ignore,
    fn: async () => {
      const made = await of.make(`${scratch}/run${i}`, scratch);
      const { kind, folder, base } = made, texts = of.speaks === undefined ? [] : TEXTS;
      const question = {
        kind,
        folder,
        ...kind === "adapter" && { base },
        texts,
        prompt: PROMPT,
        newTokens: NEW_TOKENS,
      };
      const conversations = of.speaks === "chats" ? CONVERSATIONS : [];
      const answer = await peer.ask({ ...question, sequences: SEQUENCES, conversations });
      assertEquals(answer.error, undefined);
      assertEquals([answer.class, answer.strange], [of.class, {}]);
      const { library_name, pipeline_tag } = answer.card ?? {};
      assertEquals({ library_name, pipeline_tag }, CARDS[kind]);
      if (kind === "reward") return assertRewards(made, answer);
      assertLogits(made, answer);
      if (kind === "model") {
        assertEquals([answer.dtype, [answer.ends].flat()], ["torch.float32", endIds(made.state.tokenizer)]);
      }
      assertEquals(answer.greedy, greedyOf(made.state));
      if (of.speaks !== undefined) assertTokens(made.state, answer, conversations);
    },
  });
}

const apart = (a: Logits, b: Logits): number =>
  Math.max(...a.flatMap((rows, s) => rows.flatMap((row, t) => row.map((x, v) => Math.abs(x - b[s]![t]![v]!)))));

function logitsOf(params: DecoderParams, { config }: PolicyState): Logits {
  return SEQUENCES.map((ids) => {
    const states = hiddenStates(params, config, pack([{ prompt: Int32Array.from(ids), completions: [] }]));
    const { data } = logitsAt(states, { params, config }), { vocabSize } = config;
    return ids.map((_, t) => Array.from({ length: vocabSize }, (_, v) => data[t * vocabSize + v] as number));
  });
}

function assertLogits({ state }: Export, { logits = [], merged = logits }: Answer): void {
  assertEquals(logits.length, SEQUENCES.length);
  const ours = logitsOf(state.policy, state);
  assertLess(apart(ours, logits), 2e-4);
  assertLess(apart(ours, merged), 2e-4, "merged");
  if (state.policy.adapter !== undefined) {
    assertGreater(apart(logitsOf(withoutAdapter(state.policy), state), logits), 1e-3, "training changed nothing");
  }
}

function assertRewards({ state: { config, reward } }: Export, { rewards }: Answer): void {
  const examples = SEQUENCES.map((ids): Example => (
    { prompt: Int32Array.from(ids.slice(0, 4)), completions: [Int32Array.from(ids.slice(4))] }
  ));
  const ours = Array.from(rewardsOf(reward!, config, examples));
  ours.forEach((r, i) => assertLess(Math.abs(r - rewards![i]![0]), 2e-4));
}

function greedyOf({ policy: params, config }: PolicyState): readonly number[] {
  const options = { key: key(0), temperature: 0, maxNewTokens: NEW_TOKENS, eos: -1 };
  return Array.from(generate({ params, config }, [Int32Array.from(PROMPT)], options)[0]![0]!.ids);
}

function assertTokens(
  { tokenizer: read }: PolicyState,
  { tokenizer: theirs }: Answer,
  conversations: readonly (typeof CONVERSATIONS)[number][],
): void {
  // a template may tell the day, and the peer's day is today's
  const tokenizer = isPretrained(read) ? { ...read, now: new Date().toISOString().slice(0, 19) } : read;
  assertEquals(theirs!.ids, TEXTS.map((text) => Array.from(encode(tokenizer, text))));
  assertEquals(theirs!.decoded, theirs!.ids.map((ids) => decode(tokenizer, ids)));
  assertEquals(theirs!.chatIds, conversations.map((messages) => Array.from(encodePrompt(tokenizer, messages))));
  if (!isPretrained(tokenizer)) return;
  const options = { addGenerationPrompt: true };
  assertEquals(theirs!.rendered, conversations.map((messages) => renderChat(tokenizer, messages, options).text));
  const ids = conversations.map((messages) => Array.from(encodeChat(tokenizer, messages, options).ids));
  assertEquals(theirs!.chatIds, ids);
}
