/** Chat templates and tokenizers of our own, with what transformers makes of them (`fixtures/templates/make.py`). */
import fixture from "../../../fixtures/templates/templates.json" with { type: "json" };
import type { PretrainedTokenizer } from "../../../lib/data/pretrained.ts";

/** A text, or the error that Python raises instead. */
export interface Expected {
  readonly text?: string;
  readonly ids?: readonly number[];
  readonly mask?: readonly number[];
  readonly error?: string;
}

/** The styles of template. */
export type Style = keyof typeof fixture.templates;
/** The tokenizers. */
export type Kind = keyof typeof fixture.kinds;

export { fixture };

/** A tokenizer of the fixture with a template. */
export function tokenizerOf(kind: Kind, template?: string, config: object = {}): PretrainedTokenizer {
  const special = { bos_token: "<|begin|>", eos_token: { content: "<|end|>", special: true }, ...config };
  return {
    files: {
      "tokenizer.json": JSON.stringify(fixture.kinds[kind].tokenizer),
      "tokenizer_config.json": JSON.stringify({ ...special, ...template !== undefined && { chat_template: template } }),
    },
    now: fixture.now,
  };
}
