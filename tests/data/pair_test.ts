import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Message } from "../../lib/data/chat.ts";
import { dialogueTurns } from "../../lib/data/dialogue.ts";
import { decodePair } from "../../lib/data/pair.ts";
import { left, right } from "../../lib/result.ts";

const place = { row: 2, line: 3 };
const row = { prompt: "2 + 2?", chosen: "4", rejected: "5" };

/** The sentences about a row, with their reasons. */
function issues(value: unknown): readonly (readonly [string, string])[] {
  const result = decodePair(value, place);
  return result._tag === "Right" ? [] : result.left.map(({ reason, sentence }) => [reason, sentence]);
}
const unreadable = (...sentences: readonly string[]): readonly (readonly [string, string])[] =>
  sentences.map((sentence) => ["unreadable", sentence]);

const user = (content: string): Message => ({ role: "user", content });
const assistant = (content: string): Message => ({ role: "assistant", content });

Deno.test("decodePair() reads strings, named by the row's place or its own id", () => {
  assertEquals(decodePair(row, place), right({ id: "2", ...row }));
  assertEquals(decodePair({ ...row, id: 17 }, place), right({ ...row, id: "17" }));
  assertEquals(decodePair({ ...row, id: "q-1", source: "web" }, place), right({ ...row, id: "q-1" }));
});

Deno.test("decodePair() reads margin, label and weight, and null as absent", () => {
  const rated = { ...row, margin: -1.5, label: 0, weight: 2 };
  assertEquals(decodePair(rated, place), right({ id: "2", ...rated }));
  assertEquals(decodePair({ ...row, margin: null, label: null, id: null }, place), right({ id: "2", ...row }));
});

Deno.test("decodePair() reads messages: prompt and one reply, whole dialogues, or both together", () => {
  const turns = [{ role: "system" as const, content: "Be brief." }, user("Hi"), assistant("Hello"), user("2 + 2?")];
  const pair = right({ id: "2", prompt: turns, chosen: "4", rejected: "5" });
  const whole = { chosen: [...turns, assistant("4")], rejected: [...turns, assistant("5")] };
  assertEquals(decodePair({ prompt: turns, chosen: [assistant("4")], rejected: [assistant("5")] }, place), pair);
  assertEquals(decodePair(whole, place), pair);
  assertEquals(decodePair({ prompt: turns, ...whole }, place), pair);
  assertEquals(decodePair({ prompt: "2 + 2?", ...whole }, place), pair);
});

Deno.test("decodePair() reads hh-rlhf dialogues: the prompt is the turns before the last", () => {
  const start = "\n\nHuman: Hi\n\nAssistant: Hello. Human: is a word here\n\nHuman: 2 + 2?\n\nAssistant:";
  assertEquals(
    decodePair({ chosen: `${start} 4\n\nreally`, rejected: `${start} 5` }, place),
    right({
      id: "2",
      prompt: [user("Hi"), assistant("Hello. Human: is a word here"), user("2 + 2?")],
      chosen: "4\n\nreally",
      rejected: "5",
    }),
  );
});

Deno.test("dialogueTurns() gives back the turns that a dialogue was written from", () => {
  const content = fc.string().map((text) => text.trim()).filter((text) => !text.includes("\n\n"));
  const message = fc.record({ role: fc.constantFrom("user" as const, "assistant" as const), content });
  fc.assert(fc.property(fc.array(message, { minLength: 1 }), (turns) => {
    const name = { user: "Human", assistant: "Assistant" };
    const text = turns.map(({ role, content }) => `\n\n${name[role]}: ${content}`).join("");
    assertEquals(dialogueTurns(text), turns);
  }));
  assertEquals(dialogueTurns("no turns"), undefined);
  assertEquals(dialogueTurns("preface\n\nHuman: Hi"), undefined);
});

Deno.test("data_common_prefix_word_cut, data_no_common_prefix: texts without a prompt are refused, never split by characters", () => {
  const rule =
    'field "prompt" is missing, and without it both must be dialogues of "\\n\\nHuman:" and "\\n\\nAssistant:" turns';
  assertEquals(
    issues({ chosen: "The sky is blue.", rejected: "The sky is black." }),
    unreadable(`Cannot read line 3 as ${rule}: chosen is "The sky is blue."`),
  );
  assertEquals(
    issues({ chosen: "Yes ", rejected: "No" }),
    unreadable(`Cannot read line 3 as ${rule}: chosen is "Yes "`),
  );
  assertEquals(
    issues({ chosen: "\n\nHuman: Hi\n\nAssistant: Yes", rejected: "No" }),
    unreadable(`Cannot read line 3 as ${rule}: rejected is "No"`),
  );
});

Deno.test("data_identical_pair: a pair of equal replies is named as such", () => {
  assertEquals(issues({ prompt: "p", chosen: "same", rejected: "same" }), [
    ["identical", 'Cannot use line 3 as chosen and rejected must differ: both are "same"'],
  ]);
});

Deno.test("decodePair() names empty replies, and refuses an empty prompt", () => {
  assertEquals(issues({ ...row, chosen: " \n" }), [[
    "emptyReply",
    "Cannot use line 3 as a reply must not be empty: chosen is",
  ]]);
  assertEquals(issues({ ...row, rejected: "" }), [[
    "emptyReply",
    "Cannot use line 3 as a reply must not be empty: rejected is",
  ]]);
  assertEquals(
    issues({ ...row, prompt: "" }),
    unreadable('Cannot read line 3 as a prompt must not be empty: current value is ""'),
  );
});

Deno.test("decodePair() names dialogues that part before the last turn", () => {
  const odd = (chosen: readonly Message[], rejected: readonly Message[]): string | undefined =>
    issues({ chosen, rejected }).map(([reason, sentence]) => `${reason}: ${sentence}`)[0];
  const same = "oddDialogue: Cannot use line 3 as chosen and rejected must have the same turns before the last";
  assertEquals(
    odd([user("a"), assistant("b"), assistant("c")], [user("a"), assistant("b")]),
    `${same}: chosen has 3 turns, rejected has 2`,
  );
  assertEquals(odd([user("a"), assistant("b")], [user("A"), assistant("c")]), `${same}: turn 1 of 2 differs`);
  assertEquals(
    odd([user("a"), assistant("b")], [user("a"), user("c")]),
    "oddDialogue: Cannot use line 3 as the last turn of both must be the assistant's: that of rejected is not",
  );
});

Deno.test("decodePair() says which field is missing, and what a misspelt one may mean", () => {
  assertEquals(
    issues({ prompt: "p", chosen: "a" }),
    unreadable('Cannot read line 3 as field "rejected" is missing: its fields are prompt, chosen'),
  );
  assertEquals(
    issues({ promt: "p", choosen: "a", rejected: "b" }),
    unreadable(
      'Cannot read line 3 as field "promt" is unknown: did you mean "prompt"?',
      'Cannot read line 3 as field "choosen" is unknown: did you mean "chosen"?',
    ),
  );
  assertEquals(
    issues({ ...row, lable: 0.9 }),
    unreadable('Cannot read line 3 as field "lable" is unknown: did you mean "label"?'),
  );
  assertEquals(
    issues({}),
    unreadable(
      'Cannot read line 3 as field "chosen" is missing: its fields are none',
      'Cannot read line 3 as field "rejected" is missing: its fields are none',
    ),
  );
});

Deno.test("decodePair() names every field of a wrong type or out of range, not only the first", () => {
  assertEquals(
    issues({ prompt: 1, chosen: true, rejected: {}, label: 1.5, weight: -1, margin: "2", id: [] }),
    unreadable(
      'Cannot read line 3 as field "id" must be a string or a whole number: current value is []',
      'Cannot read line 3 as field "prompt" must be a string or a list of messages: current value is 1',
      'Cannot read line 3 as field "chosen" must be a string or a list of messages: current value is true',
      'Cannot read line 3 as field "rejected" must be a string or a list of messages: current value is {}',
      'Cannot read line 3 as field "margin" must be a number: current value is "2"',
      'Cannot read line 3 as field "label" must be a number from 0 to 1: current value is 1.5',
      'Cannot read line 3 as field "weight" must be a number of at least 0: current value is -1',
    ),
  );
});

Deno.test("decodePair() names what is wrong with a message", () => {
  const chosen = [{ role: "bot", content: "x" }, { role: "user", content: null }, { role: "system", content: "x" }, 7];
  assertEquals(
    issues({ prompt: "p", chosen, rejected: [] }),
    unreadable(
      'Cannot read line 3 as message 0 of field "chosen" must have the role system, user or assistant: current value is "bot"',
      'Cannot read line 3 as the content of message 1 of field "chosen" must be a string: current value is null',
      'Cannot read line 3 as message 2 of field "chosen" must not be a system message, which only comes first: current value is "x"',
      'Cannot read line 3 as message 3 of field "chosen" must have the role system, user or assistant: current value is nothing',
      'Cannot read line 3 as field "rejected" must have at least one message: current value is []',
    ),
  );
  assertEquals(
    issues({ prompt: "p", chosen: [assistant("a")], rejected: "b" }),
    unreadable(
      "Cannot read line 3 as chosen and rejected must both be strings or both be lists of messages: only rejected is a string",
    ),
  );
  assertEquals(
    issues({ chosen: [assistant("a")], rejected: [assistant("b")] }),
    unreadable(
      'Cannot read line 3 as a dialogue must have a turn before the reply: current value is "a"',
    ),
  );
  const whole = { chosen: [user("q"), assistant("a")], rejected: [user("q"), assistant("b")] };
  assertEquals(
    issues({ prompt: "other", ...whole }),
    unreadable(
      'Cannot read line 3 as field "prompt" must say what the turns before the reply say: current value is "other"',
    ),
  );
});

Deno.test("decodePair() answers any JSON with a result, and refuses what is no object", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assertEquals(decodePair(value, place)._tag, "Left")));
  for (const value of ["text", 7, null, [row]]) {
    assertEquals(
      issues(value),
      unreadable(
        "Cannot read line 3 as a row must be an object with the fields prompt, chosen and rejected: current value is " +
          JSON.stringify(value),
      ),
    );
  }
});

Deno.test("decodePair() calls a row of a list by its place, and an issue by the row's id", () => {
  assertEquals(
    decodePair({ ...row, id: "q-1", label: 2 }, { row: 4 }),
    left([{
      reason: "unreadable" as const,
      id: "q-1",
      sentence:
        'Cannot read row 4 (the first is row 0) as field "label" must be a number from 0 to 1: current value is 2',
    }]),
  );
});
