/**
 * The byte-level view of text that GPT-2 introduced: words by one regular expression, bytes by 256 printable characters.
 *
 * @see Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.2
 */

/**
 * A word takes the space before it. Written as in `@huggingface/tokenizers`, so the words are the same on any text; the
 * Rust library counts U+0085 as a space and U+FEFF as none, JavaScript the other way round.
 */
const WORD = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** The words of a text; joined they are the text again. No token ever crosses a word's border. */
export function words(text: string): readonly string[] {
  return text.match(WORD) ?? [];
}

/** Bytes that print as themselves in Latin-1: `!`–`~`, `¡`–`¬`, `®`–`ÿ`. */
function prints(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/**
 * Byte → the character that spells it in a `tokenizer.json`: itself if it prints, else the next free one from U+0100 on
 * (a space is `Ġ`, a line feed `Ċ`).
 */
export const ALPHABET: readonly string[] = (() => {
  let free = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(prints(byte) ? byte : free++));
})();

const BYTE_OF: ReadonlyMap<string, number> = new Map(ALPHABET.map((character, byte) => [character, byte]));

/** The bytes that a token's spelling stands for; `undefined` if it holds a character outside the alphabet. */
export function bytesOf(spelling: string): Uint8Array | undefined {
  const bytes = Array.from(spelling, (character) => BYTE_OF.get(character) ?? -1);
  return bytes.includes(-1) ? undefined : Uint8Array.from(bytes);
}
