/** The Python peer: one process that answers questions about folders, if a Python is named on the command line. */
import { assert } from "@std/assert";

/** Numbers of each sequence, position and token. */
export type Logits = readonly (readonly (readonly number[])[])[];

/** What the peer says of a folder. */
export interface Answer {
  /** Why it could not be loaded. */
  readonly error?: string;
  /** The class of the model. */
  readonly class: string;
  /** Tensors that the file lacks, or has too many. */
  readonly strange: Readonly<Record<string, readonly string[]>>;
  /** Of each sequence, `[T][V]`. */
  readonly logits?: Logits;
  /** Those of the base with the adapter multiplied in. */
  readonly merged?: Logits;
  /** Of a reward model, for each sequence one. */
  readonly rewards?: readonly (readonly [number])[];
  readonly greedy?: readonly number[];
  /** The element type of the weights where the folder is to say it. */
  readonly dtype?: string;
  /** What ends a text, by the generation config. */
  readonly ends?: number | readonly number[] | null;
  readonly tokenizer?: {
    readonly ids: readonly (readonly number[])[];
    readonly decoded: readonly string[];
    readonly rendered: readonly string[];
    readonly chatIds: readonly (readonly number[])[];
  };
  /** The front matter of the model card. */
  readonly card: Readonly<Record<string, unknown>> | null;
}

/** Someone who answers questions. */
export interface Peer {
  readonly ask: (question: unknown) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

/** Starts a Python that has transformers and PEFT. */
export function startPeer(python: string): Peer {
  const args = [new URL("peers.py", import.meta.url).pathname];
  const peer = new Deno.Command(python, { args, stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
  const [writer, reader] = [peer.stdin.getWriter(), peer.stdout.pipeThrough(new TextDecoderStream()).getReader()];
  let rest = "";
  return {
    ask: async (question) => {
      await writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`));
      while (!rest.includes("\n")) {
        const { value, done } = await reader.read();
        assert(!done, `${python} ended: does it have torch, transformers, peft and huggingface_hub?`);
        rest += value;
      }
      const end = rest.indexOf("\n"), line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      return JSON.parse(line);
    },
    close: async () => {
      await writer.close();
      await reader.cancel();
      await peer.status;
    },
  };
}
