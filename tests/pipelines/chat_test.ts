/** Conversations through the command line. */
import { assert, assertEquals } from "@std/assert";
import { conversing, decodePair, type DrawTokens, readPairs } from "../../mod.ts";
import { command } from "../../pipelines/chat.ts";
import { lineReader } from "../../pipelines/chat_input.ts";
import { chat } from "../../pipelines/chat_session.ts";
import { loadChatModel } from "../../pipelines/chat_model.ts";
import type { Choice } from "../../pipelines/chat_record.ts";
import { type ChatTerminal, settings } from "../../pipelines/chat.ts";

/** What a conversation prints, and how it ends. */
interface Talk {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A terminal that these lines are written to; `at` is called before each. */
function scripted(
  args: string,
  lines: readonly string[],
  stopAfter = Infinity,
): { terminal: ChatTerminal; said: () => Omit<Talk, "code"> } {
  const [out, err]: [string[], string[]] = [[], []];
  let stop: (() => void) | undefined;
  let pieces = 0;
  const terminal: ChatTerminal = {
    args: args.split(" ").filter((word) => word !== ""),
    out: (text) => {
      out.push(text);
      if (++pieces === stopAfter) stop?.();
    },
    err: (text) => void err.push(text),
    columns: null,
    signal: new AbortController().signal,
    now: () => 0,
    lines: (async function* (): AsyncGenerator<string, void> {
      yield* lines;
    })(),
    isInteractive: false,
    onInterrupt: (what) => void (stop = what),
  };
  return { terminal, said: () => ({ out: out.join(""), err: err.join("") }) };
}

async function talk(args: string, lines: readonly string[], stopAfter?: number): Promise<Talk> {
  const { terminal, said } = scripted(args, lines, stopAfter);
  const code = await command(terminal);
  return { code, ...said() };
}

const QUESTIONS = ["Where does Otto live?", "Say good night to Ida.", "Sort these: moon, ant, kite."];
const answersOf = ({ out }: Talk): readonly string[] => out.split("\n").slice(0, -1);

Deno.test("in a pipe every line is a turn, and answers are all that is printed; the seed decides them", async () => {
  const first = await talk("--seed 3 --quiet", QUESTIONS);
  assertEquals([first.code, first.err, answersOf(first).length], [0, "", 3]);
  assertEquals(await talk("--seed 3 --quiet", QUESTIONS), first);
  const others = await Promise.all([4, 5, 6].map((seed) => talk(`--seed ${seed} --quiet`, QUESTIONS)));
  assert(others.some(({ out }) => out !== first.out));
});

Deno.test("an answer depends on the conversation, /reset begins it anew, /undo takes a turn back, empty lines say nothing", async () => {
  const at0 = (lines: readonly string[]) => talk("--temperature 0 --quiet", lines).then(answersOf);
  const [alone, after] = [await at0(QUESTIONS.slice(1)), await at0(QUESTIONS)];
  assertEquals((await at0([QUESTIONS[0]!, "/reset", ...QUESTIONS.slice(1)])).slice(1), alone);
  assertEquals((await at0([QUESTIONS[0]!, "/undo", "", " ", ...QUESTIONS.slice(1)])).slice(1), alone);
  assertEquals(await at0([...QUESTIONS.slice(0, 2), "/retry", "/quit", "never"]), [...after.slice(0, 2), after[1]!]);
});

Deno.test("/retry draws anew, and //x is said as /x", async () => {
  const { out, err } = await talk("--temperature 2 --quiet", [QUESTIONS[0]!, ...Array(6).fill("/retry")]);
  assert(new Set(out.split("\n")).size > 2);
  assertEquals(err.replaceAll(/\(cut at 512 .*\)\n/g, ""), "");
  assertEquals((await talk("--quiet", ["//hello"])).err, "");
});

Deno.test("commands that cannot be done, and turns that do not fit, are sentences, and the conversation goes on", async () => {
  const { code, out, err } = await talk("--temperature 0 --quiet", ["/undo", "/dance", "a".repeat(400), QUESTIONS[0]!]);
  assertEquals([code, out.split("\n").length], [0, 2]);
  assertEquals(err.split("\n").slice(0, 2), [
    "Cannot undo as there must be a question before: there is none",
    "Cannot do /dance as there is no such command: /help lists them",
  ]);
  assert(err.includes("Cannot answer as a turn must leave room in a context of 96 tokens: it has "), err);
});

Deno.test("turns that no longer fit the context are forgotten, the oldest first, and that is said", async () => {
  const { code, out, err } = await talk("--temperature 0 --quiet", Array(9).fill(QUESTIONS[0]));
  assertEquals([code, out.split("\n").length], [0, 10]);
  const forgotten = Array.from(err.matchAll(/The first (\d+) turns no longer fit the context/g), ([, n]) => Number(n));
  assert(forgotten.length > 0 && forgotten.every((n) => n % 2 === 0), err); // a question goes with its answer
});

Deno.test("an answer that is stopped is kept as far as it came, and the conversation goes on", async () => {
  const whole = answersOf(await talk("--temperature 0 --quiet", QUESTIONS.slice(0, 1)))[0]!;
  // Too quick to be stopped by a signal: the signal is there before the next token is drawn.
  const { code, out, err } = await talk("--temperature 0 --quiet", QUESTIONS.slice(0, 2), 2);
  const [stopped, next] = out.split("\n") as [string, string];
  assert(whole.startsWith(stopped) && stopped.length < whole.length, `${stopped} of ${whole}`);
  assertEquals([code, err, next.length > 0], [0, "(stopped)\n", true]);
});

Deno.test("wrong flags are sentences with exit code 2, and --help shows them all", async () => {
  const cases = {
    "--temprature 1": "did you mean --temperature?",
    "--top-p 0": "must be a number above 0",
    "--record x.jsonl": "Cannot use --record without --against",
    "--max-new-tokens 0": "must be a whole number of at least 1",
    "stray": "every argument must belong to a flag",
  };
  for (const [args, sentence] of Object.entries(cases)) {
    const { code, err, out } = await talk(args, ["hi"]);
    assertEquals([code, out], [2, ""]);
    assert(err.includes(sentence), err);
  }
  const { code, out } = await talk("--help", []);
  assertEquals(code, 0);
  for (const name of Object.keys(settings.fields)) {
    assert(out.includes(`--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`));
  }
});

Deno.test("each turn reads of the conversation what is new, and answers as if it had read it all", async () => {
  const loaded = await loadChatModel(null, () => {});
  assert(loaded._tag === "Right");
  const model = loaded.right, lengths: (readonly [prompt: number, computed: number, answer: number])[] = [];
  const told = async (draw: DrawTokens): Promise<string> => {
    const { terminal, said } = scripted("", QUESTIONS);
    const values = { ...settings.values, seed: 3, maxNewTokens: 12 };
    assertEquals(await chat(terminal, values, { models: [{ ...model, draw }], record: undefined }), 0);
    return said().out;
  };
  const remembered = await told(function* (prompt, options): ReturnType<DrawTokens> {
    const end = yield* model.draw(prompt, options);
    lengths.push([prompt.length, end.computed, end.ids.length]);
    return end;
  });
  const forgetful = await told((prompt, options) => conversing(model)(prompt, options));
  assertEquals(remembered, forgetful);
  assertEquals(lengths.length, 3);
  lengths.forEach(([prompt, computed], i) => {
    const [before, , answer] = lengths[i - 1] ?? [0, 0, 1];
    assertEquals(computed, prompt - before - (answer - 1)); // the newest token of an answer was not read yet
  });
});

/** A conversation with two models called one and two, which are the same but for their draws. */
async function choose(lines: readonly string[], seed = 0): Promise<Talk & { readonly choices: readonly Choice[] }> {
  const loaded = await loadChatModel(null, () => {});
  assert(loaded._tag === "Right");
  const choices: Choice[] = [];
  const { terminal, said } = scripted("", lines);
  const code = await chat(terminal, { ...settings.values, temperature: 1.5, seed, maxNewTokens: 20 }, {
    models: ["one", "two"].map((name) => ({ ...loaded.right, name })),
    record: (choice) => Promise.resolve((choices.push(choice), { _tag: "Right" as const, right: null })),
  });
  return { code, ...said(), choices };
}

Deno.test("two models answer unnamed; a choice names them, becomes a pair that our loaders read, and is gone on with", async () => {
  const { code, out, err, choices } = await choose([QUESTIONS[0]!, "x", "b", QUESTIONS[1]!, "a"]);
  assertEquals([code, choices.length], [0, 2]);
  const [a, b] = ["A", "B"].map((letter) => new RegExp(`^${letter}: (.*)$`, "m").exec(out)?.[1]);
  const [first, second] = choices as [Choice, Choice];
  assertEquals([first.chosen, first.rejected, first.label], [b!, a!, 1]);
  assert(!/one|two/.test(out.replaceAll(/[a-z]{4,}/g, "")) && err.includes('Cannot take "x" for a choice'));
  assert(err.includes(`A was ${first.models[1]}, B was ${first.models[0]}`), err);
  assertEquals(second.prompt.map(({ content }) => content), [QUESTIONS[0], b, QUESTIONS[1]]);
  for (const choice of choices) assertEquals(decodePair(choice, { row: 0 })._tag, "Right");
});

Deno.test("a tie is a label of one half, skipping records nothing, and the end of the lines leaves", async () => {
  assertEquals((await choose([QUESTIONS[0]!, "="])).choices.map(({ label }) => label), [0.5]);
  assertEquals((await choose([QUESTIONS[0]!, "s"])).choices, []);
  const left = await choose([QUESTIONS[0]!]);
  assertEquals([left.code, left.choices], [0, []]);
});

Deno.test("who is A is drawn anew by the seed for each question", async () => {
  const firsts =
    (await choose(QUESTIONS.flatMap((question) => [question, "a"]).concat(QUESTIONS.flatMap((q) => [`${q} `, "a"]))))
      .err;
  assert(firsts.includes("A was one") && firsts.includes("A was two"), firsts);
});

Deno.test("lineReader() gives lines as they come, joins those that end with a backslash, and the last without its end", async () => {
  const parts = ["on", "e\r\ntwo\\", "\nthree\n", "\u{1f9c1}".slice(0), "\nlast"];
  const bytes = parts.map((part) => new TextEncoder().encode(part)).flatMap((
    whole,
  ) => [whole.subarray(0, 2), whole.subarray(2)]);
  const lines: string[] = [];
  for await (const line of lineReader(ReadableStream.from(bytes) as ReadableStream<Uint8Array<ArrayBuffer>>)) {
    lines.push(line);
  }
  assertEquals(lines, ["one", "two\nthree", "\u{1f9c1}", "last"]);
});

const granted = (await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name }))))
  .every(({ state }) => state === "granted");

Deno.test({
  name: "--record appends rows to its file, which is not there until something is chosen, and --data reads it",
  ignore: !granted,
  fn: async () => {
    const { recorder } = await import("../../pipelines/chat_record.ts");
    const folder = await Deno.makeTempDir();
    const path = `${folder}/choices.jsonl`;
    try {
      const record = await recorder(path);
      assert(record._tag === "Right");
      assertEquals(Array.from(Deno.readDirSync(folder)), []);
      const choice: Choice = {
        prompt: [{ role: "user", content: "Tide?" }],
        ...{ chosen: "High.\n\u2028", rejected: "Low.", label: 1, models: ["a", "b"] },
      };
      for (const _ of [1, 2]) assertEquals((await record.right(choice))._tag, "Right");
      const read = readPairs(await Deno.readTextFile(path));
      assert(read._tag === "Right");
      const { prompt, chosen, rejected, label } = choice;
      assertEquals(read.right.data, ["0", "1"].map((id) => ({ id, prompt, chosen, rejected, label })));
      const nowhere = await recorder(`${folder}/no/choices.jsonl`);
      assert(nowhere._tag === "Left" && nowhere.left.sentences[0]?.startsWith("Cannot record to "));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
