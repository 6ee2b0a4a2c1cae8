/**
 * Loading against the clock: `deno run tests/bench/data_bench.ts`. Each time is the median of three, beside that of a plain
 * `JSON.parse` of the same 100,000 rows, line by line, in the same run.
 */
import { fold, key, pairReader, table, uniform } from "../../mod.ts";

const ROWS = 100_000;
const WORDS = "the lower river boat goes slowly and folk know it when spring comes to town again".split(" ");

/** So many words, drawn by a number. */
function words(at: number, count: number): string {
  return Array.from({ length: count }, (_, i) => WORDS[(at * 31 + i * i * 7 + (at >> 3) * i) % WORDS.length]).join(" ");
}

const draws = uniform(fold(key(0), "lengths"), ROWS);
const texts = Array.from({ length: ROWS }, (_, i) => {
  const length = 20 + Math.floor(40 * draws[i]!);
  return { prompt: `${i}: ${words(i, 20)}?`, chosen: words(i, length), rejected: words(i + 1, length + 1) };
});
const messages = texts.map(({ prompt, chosen, rejected }) => {
  const prompts = [{ role: "user", content: prompt }];
  const reply = (content: string): unknown => [...prompts, { role: "assistant", content }];
  return { chosen: reply(chosen), rejected: reply(rejected) };
});
const dialogues = texts.map(({ prompt, chosen, rejected }) => {
  const text = (reply: string): string => `\n\nHuman: ${prompt}\n\nAssistant: ${reply}`;
  return { chosen: text(chosen), rejected: text(rejected) };
});
const jsonl = (rows: readonly unknown[]): string => rows.map((row) => JSON.stringify(row)).join("\n");
const csv = `prompt,chosen,rejected\n${texts.map((t) => `"${t.prompt}","${t.chosen}","${t.rejected}"`).join("\n")}`;

function median(body: () => void): number {
  body();
  const times = Array.from({ length: 3 }, () => {
    const began = performance.now();
    body();
    return performance.now() - began;
  });
  return times.sort((a, b) => a - b)[1]!;
}

function load(text: string): void {
  const reader = pairReader();
  for (let at = 0; at < text.length; at += 2 ** 18) reader.push(text.slice(at, at + 2 ** 18)); // as a file comes
  const { _tag } = reader.end();
  if (_tag === "Left") throw new Error("the rows could not be read");
}

const rows = ([
  ["strings, JSON lines", jsonl(texts), jsonl(texts)],
  ["strings, JSON", JSON.stringify(texts), jsonl(texts)],
  ["strings, CSV", csv, jsonl(texts)],
  ["messages, JSON lines", jsonl(messages), jsonl(messages)],
  ["hh-rlhf dialogues, JSON lines", jsonl(dialogues), jsonl(dialogues)],
] as const).map(([name, text, plain]) => {
  const lines = plain.split("\n");
  const parse = median(() => lines.forEach((line) => JSON.parse(line)));
  const time = median(() => load(text));
  const size = `${(text.length / 1e6).toFixed(0)} MB`;
  return [name, size, `${(time / 1000).toFixed(2)} s`, `${(time / parse).toFixed(1)} × JSON.parse`];
});
console.log(table(["100,000 rows", "size", "load", "ratio"], rows));
