/** Talks to a model: `deno run -R pipelines/chat.ts --model DIR`; without one, to the fixture world's policy. */
import { parseArgs } from "@std/cli";
import { count, define, file, number, openKernels, type Result, type SettingValues, text, toggle } from "../mod.ts";
import { chat } from "./chat_session.ts";
import { lineReader } from "./chat_input.ts";
import { type ChatModel, loadChatModel } from "./chat_model.ts";
import { recorder } from "./chat_record.ts";
import { COMPUTED, words } from "./flags.ts";
import { EXIT, processTerminal, say, type Terminal, write } from "./terminal.ts";

export const settings = define({
  model: file({
    kind: "model",
    help: "whom to talk to: a folder in Hugging Face's form, a safetensors file in one, or a hub id",
  }),
  against: file({
    kind: "model",
    help: "a second model: both answer, unnamed and in an order drawn by the seed, and you choose",
  }),
  record: file({ kind: "jsonl", help: "with --against: each choice becomes a row of this file, as --data takes it" }),
  system: text("", { help: "what the model is told before the conversation" }),
  temperature: number(0.7, { atLeast: 0, help: "divides the logits; 0: the most probable token always" }),
  topP: number(0.95, { above: 0, atMost: 1, help: "draw from the most probable tokens that hold this much together" }),
  topK: count(0, { help: "draw from so many of the most probable tokens; 0: from all" }),
  maxNewTokens: count(512, { atLeast: 1, help: "most tokens of an answer" }),
  ...COMPUTED,
  library: file({ kind: "library", help: "the library of --backend blas or onednn, if it is not found by itself" }),
  quiet: toggle(false, { help: "say nothing about the model" }),
  help: toggle(false, { help: "show this, and do nothing" }),
});

/** The values of the flags. */
export type ChatValues = SettingValues<typeof settings.fields>;

/** A terminal that lines come from. */
export interface ChatTerminal extends Terminal {
  /** Lines as they are written, until there are no more. */
  readonly lines: AsyncIterable<string>;
  /** Whether somebody sits there, to whom a prompt is shown. */
  readonly isInteractive: boolean;
  /** Called with what Ctrl-C is to stop, and with nothing when there is nothing any more. */
  readonly onInterrupt: (stop: (() => void) | undefined) => void;
}

const USAGE = `Usage: deno run -R pipelines/chat.ts [flags]

Type a line to say something; a line that ends with \\ goes on in the next. /help lists commands. Ctrl-C stops an
answer, and leaves where there is none. In a pipe every line is a turn, and answers are all that is printed.
`;

/** What `main` does, through any terminal. Returns the exit code. */
export async function command(terminal: ChatTerminal): Promise<number> {
  if (words(terminal.args).includes("--help")) {
    terminal.out(`${USAGE}\n${settings.help}\n`);
    return EXIT.done;
  }
  const values = valuesOf(terminal.args);
  if (values._tag === "Left") return say(terminal, values.left, EXIT.input);
  const { backend, threads, library, model, against, record, quiet } = values.right;
  const opened = await openKernels({ backend, threads, ...library !== null && { library } })
    .catch((error: Error) => error.message);
  if (typeof opened === "string") return say(terminal, [opened], EXIT.input);
  const keep = record === null ? undefined : await recorder(record);
  if (keep?._tag === "Left") return say(terminal, keep.left.sentences, EXIT[keep.left.kind]);
  const models: ChatModel[] = [];
  for (const name of against === null ? [model] : [model, against]) {
    const loaded = await loadChatModel(name, (sentence) => quiet || say(terminal, [sentence], EXIT.done));
    if (loaded._tag === "Left") return say(terminal, loaded.left.sentences, EXIT[loaded.left.kind]);
    models.push(loaded.right);
  }
  return await chat(terminal, values.right, { models, record: keep?.right });
}

function valuesOf(args: readonly string[]): Result<readonly string[], ChatValues> {
  const values = settings.parse(parseArgs([...words(args)], settings.flags));
  if (values._tag === "Left" || values.right.record === null || values.right.against !== null) return values;
  return { _tag: "Left", left: ["Cannot use --record without --against as it takes two answers to choose from"] };
}

/** Runs in this process's terminal, and ends it. */
export async function main(): Promise<void> {
  let stop: (() => void) | undefined;
  const interrupt = (): void => {
    if (stop === undefined) {
      write(Deno.stderr, "\n");
      Deno.exit(EXIT.aborted);
    }
    stop();
  };
  Deno.addSignalListener("SIGINT", interrupt);
  const code = await command({
    ...processTerminal(new AbortController().signal),
    lines: lineReader(Deno.stdin.readable),
    isInteractive: Deno.stdin.isTerminal(),
    onInterrupt: (what) => void (stop = what),
  });
  Deno.exit(code); // reading a terminal cannot be broken off otherwise
}

if (import.meta.main) await main();
