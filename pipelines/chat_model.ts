/** A model that one can talk to. */
import {
  conversing,
  type DrawTokens,
  type Failure,
  finish,
  inputFailure,
  isIdTokenizer,
  type LanguageModel,
  loadModel,
  loadPolicy,
  type Result,
  right,
  run,
  type Tokenizer,
} from "../mod.ts";
import { worldPolicy } from "../fixtures/world/shipped.ts";

/** A model with its tokenizer, and what to call it. */
export interface ChatModel extends LanguageModel {
  readonly name: string;
  readonly tokenizer: Tokenizer;
  /** Draws its answers; it reads of a conversation only what it has not read before. */
  readonly draw: DrawTokens;
}

/**
 * A model from a folder or the hub; the world's policy if none is named.
 *
 * @param remark called with what is to be said about it
 */
export async function loadChatModel(
  name: string | null,
  remark: (sentence: string) => unknown,
): Promise<Result<Failure, ChatModel>> {
  if (name === null) {
    const { config, tokenizer, policy } = worldPolicy();
    remark("Talking to the fixture world's policy, of 0.6 million parameters: ask it where Otto lives");
    const model = { config, params: policy };
    return right({ name: "the fixture world's policy", ...model, tokenizer, draw: conversing(model) });
  }
  const running = run(loadPolicy(() => loadModel(name), { name }), { seed: 0, given: {} });
  const loaded = await finish(running, (event) => {
    if (event.type === "warning" || event.type === "remark") remark(event.message);
  });
  if (loaded._tag === "Left") {
    const { kind, sentences } = loaded.left;
    return { _tag: "Left", left: { kind: kind === "input" ? "input" : "run", sentences } };
  }
  const { config, tokenizer, policy } = loaded.right;
  if (isIdTokenizer(tokenizer)) {
    return inputFailure(
      `Cannot talk to ${name} as it must have a tokenizer: put its tokenizer.json beside the weights`,
    );
  }
  const model = { config, params: policy };
  return right({ name, ...model, tokenizer, draw: conversing(model) });
}
