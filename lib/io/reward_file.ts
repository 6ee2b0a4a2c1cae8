/** A reward from a file that the user names: a module of their own, which may be wrong in every way a module can. */
import type { Prompt } from "../data/chat.ts";
import type { Reward } from "../data/reward.ts";
import { type Failure, inputFailure, type Result, right } from "../result.ts";
import { readText } from "./files.ts";

/** The exports that may be a reward, the first that is there is taken. */
const NAMES = ["default", "reward"] as const;

/**
 * Imports a reward: the default export of a module, or the one called `reward`. It is a function
 * `(prompt, completion) => number`, at once or as a promise, or `{ batch }`, which scores many samples at once.
 *
 *     // reward.ts
 *     export default (prompt: string, completion: string) => completion.includes("tide") ? 1 : 0;
 *
 * The module runs with the permissions of the program. It is not asked for: where reading is not permitted, the failure
 * says which flag helps.
 *
 * @param path of the file, from the working directory
 * @example
 * ```ts
 * import { loadReward, scoreSamples } from "@logratio/logratio";
 * const reward = await loadReward("reward.ts");
 * const samples = [{ id: "a", prompt: "Who bakes?", completion: "Ida." }];
 * const scored = reward._tag === "Right" ? await scoreSamples(reward.right, samples) : reward;
 * ```
 */
export async function loadReward(path: string): Promise<Result<Failure, Reward<Prompt>>> {
  const text = await readText(path); // its sentences tell apart what import does not
  if (text._tag === "Left") return text;
  const url = new URL("file:///");
  url.pathname = (await Deno.realPath(path)).replaceAll("%", "%25"); // the rest is escaped by itself
  let module: Readonly<Record<string, unknown>>;
  try {
    module = await import(url.href);
  } catch (error) {
    return refused(path, whyNot(error));
  }
  const name = NAMES.find((name) => Object.hasOwn(module, name));
  if (name === undefined) {
    const names = Object.keys(module).join(", ") || "nothing";
    return refused(path, `it must export the reward as default or by the name reward: it exports ${names}`);
  }
  const found = module[name];
  return isReward(found) ? right(found) : refused(
    path,
    `its export ${name} must be a function (prompt, completion) => number or { batch }: ${kind(found)}`,
  );
}

function refused(path: string, rule: string): Result<Failure, never> {
  return inputFailure(`Cannot take a reward from ${path} as ${rule}`);
}

function isReward(value: unknown): value is Reward<Prompt> {
  if (typeof value === "function") return true;
  return typeof value === "object" && value !== null && "batch" in value && typeof value.batch === "function";
}

function kind(value: unknown): string {
  if (value === null || value === undefined) return `it is ${value}`;
  return typeof value === "object"
    ? `it is an object of ${Object.keys(value).join(", ") || "nothing"}`
    : `it is a ${typeof value}`;
}

/** What an import says, in one line and without the colours meant for a terminal. */
function whyNot(error: unknown): string {
  // deno-lint-ignore no-control-regex
  const message = (error instanceof Error ? error.message : String(error)).replace(/\x1b\[\d+m/g, "");
  const [said = ""] = message.split("\n");
  // Deno reports what its own parser refuses as a TypeError whose message begins with the real name.
  if (!(error instanceof SyntaxError || said.startsWith("SyntaxError: "))) return `importing it fails: ${said}`;
  const at = /:(\d+):\d+$/.exec(message)?.[1];
  const fault = said.replace(/^SyntaxError: /, "").replace(/ at \S+:\d+:\d+$/, "");
  return `it does not compile: ${fault}${at === undefined ? "" : `, line ${at}`}`;
}
