/** The small files of a model's folder, as text. */
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { readText } from "./files.ts";

/** Files that go with the weights, and the most bytes that each may have: none is ever near that. */
export const TEXTS: Readonly<Record<string, number>> = {
  "tokenizer.json": 2 ** 28,
  "tokenizer_config.json": 2 ** 25,
  "generation_config.json": 2 ** 20,
  "special_tokens_map.json": 2 ** 22,
  "added_tokens.json": 2 ** 24,
  "chat_template.jinja": 2 ** 22,
  "chat_template.json": 2 ** 22,
};

/** The last part of a path: the name of a file or folder without where it lies. */
export function lastPart(path: string): string {
  const [, name = path] = /([^\\/]+)[\\/]*$/.exec(path) ?? [];
  return name;
}

/** A path without its last part. */
export function withoutLast(path: string): string {
  const [, folder = "."] = /^(.*)[\\/][^\\/]+[\\/]*$/.exec(path) ?? [];
  return folder === "" ? "/" : folder;
}

/** A file of JSON, its text and what it says; refused before it is read if it has too many bytes. */
export async function readJson(
  path: string,
  most: number,
): Promise<Result<Failure, { readonly text: string; readonly json: unknown }>> {
  const text = await readLimited(path, most);
  if (text._tag === "Left") return text;
  try {
    return right({ text: text.right, json: JSON.parse(text.right) });
  } catch {
    return inputFailure(`Cannot read ${path} as it must be JSON: it does not parse`);
  }
}

/** The texts of a model's folder that are there, by name; JSON is known to parse. */
export async function readTexts(folder: string): Promise<Result<Failure, Readonly<Record<string, string>>>> {
  const texts: Record<string, string> = {};
  for (const [name, most] of Object.entries(TEXTS)) {
    const path = `${folder}/${name}`;
    if (!await isThere(path)) continue;
    const read = name.endsWith(".json") ? await readJson(path, most) : await readLimited(path, most);
    if (read._tag === "Left") return read;
    texts[name] = typeof read.right === "string" ? read.right : read.right.text;
  }
  return right(texts);
}

async function readLimited(path: string, most: number): Promise<Result<Failure, string>> {
  const stat = await Deno.stat(path).catch(() => null); // reading says what is wrong
  if (stat !== null && !stat.isFile) return inputFailure(`Cannot read ${path} as it must be a file`);
  if (stat !== null && stat.size > most) {
    return inputFailure(`Cannot read ${path} as it must have at most ${most} bytes: it has ${stat.size}`);
  }
  return await readText(path);
}

/** Whether there is something at a path. */
export async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
