/** The special tokens of the chat format of tokenizers that `trainTokenizer` makes; text cannot spell them. */

/** The end of a completion, known as EOS. */
export const END = "<|end|>";
/** Opens a user turn. */
export const USER = "<|user|>";
/** Opens an assistant turn. */
export const ASSISTANT = "<|assistant|>";
/** The special tokens of the chat format, as `trainTokenizer` takes them. */
export const CHAT_TOKENS: readonly string[] = [END, USER, ASSISTANT];

/** The format in the words of Hugging Face's chat templates. */
export const CHAT_TEMPLATE: string = "{%- for message in messages -%}" +
  `{%- if message['role'] == 'user' -%}{{ '${USER}' + message['content'] }}` +
  `{%- elif message['role'] == 'assistant' -%}{{ '${ASSISTANT}' + message['content'] + '${END}' }}` +
  "{%- else -%}{{ message['content'] }}{%- endif -%}{%- endfor -%}" +
  `{%- if add_generation_prompt -%}{{ '${ASSISTANT}' }}{%- endif -%}`;
