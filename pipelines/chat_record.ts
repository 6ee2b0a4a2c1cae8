/** Choices between two answers as rows of a file, which `--data` takes. */
import { type Failure, inputFailure, left, type Message, type Result, right } from "../mod.ts";

/** A choice. */
export interface Choice {
  readonly prompt: readonly Message[];
  readonly chosen: string;
  readonly rejected: string;
  /** Probability that the chosen is better: 0.5 for a tie. */
  readonly label: number;
  /** Who gave the answers. */
  readonly models: readonly [chosen: string, rejected: string];
}

/** Appends a choice to the file. */
export type Recorder = (choice: Choice) => Promise<Result<Failure, null>>;

/** A recorder, once it is sure that the file can be written. */
export async function recorder(path: string): Promise<Result<Failure, Recorder>> {
  const permission = await Deno.permissions.query({ name: "write", path });
  if (permission.state !== "granted") {
    return inputFailure(
      `Cannot record to ${path} as writing it is not permitted: run again with --allow-write=${path}`,
    );
  }
  const append = async (text: string): Promise<Result<Failure, null>> => {
    try {
      await Deno.writeTextFile(path, text, { append: true });
      return right(null);
    } catch (error) {
      return left({
        kind: "run",
        sentences: [`Cannot record to ${path} as the system says: ${(error as Error).message}`],
      });
    }
  };
  const fault = await obstacle(path);
  if (fault !== undefined) return inputFailure(`Cannot record to ${path} as the system says: ${fault}`);
  return right(({ prompt, chosen, rejected, label, models }) =>
    append(
      `${JSON.stringify({ prompt, chosen, rejected, label, chosen_model: models[0], rejected_model: models[1] })}\n`,
    )
  );
}

/** Why a file cannot be written to, if it cannot; one that was not there is not left behind. */
async function obstacle(path: string): Promise<string | undefined> {
  try {
    try {
      (await Deno.open(path, { write: true, createNew: true })).close();
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      (await Deno.open(path, { append: true })).close();
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
