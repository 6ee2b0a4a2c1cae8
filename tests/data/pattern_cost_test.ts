/** Which regular expressions a tokenizer may bring: all that were published, and none that takes for ever. */
import { assert, assertEquals } from "@std/assert";
import { costOf, patternFault } from "../../lib/data/pattern_cost.ts";
import { type Part, partsOf } from "../../lib/data/pattern_parts.ts";
import { readTokenizer } from "../../lib/data/read_tokenizer.ts";
import { fixture } from "./template/fixture.ts";

const raw = String.raw;
const SUFFIX = raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`;
const REST = raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const UPPER = raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`,
  LOWER = raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`,
  LEAD = raw`[^\r\n\p{L}\p{N}]?`;

const isQuick = (pattern: string): boolean => patternFault(pattern) === undefined;
const UNREADABLE = "a regular expression must be one that can be read";

/** Patterns of published tokenizers. */
const PUBLISHED: Readonly<Record<string, string>> = {
  gpt2: raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  llama3: raw`${SUFFIX}|${LEAD}\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|${REST}`,
  qwen2: raw`${SUFFIX}|${LEAD}\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|${REST}`,
  cl100k: raw`${SUFFIX}|${LEAD.slice(0, -1)}?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
  o200k: [
    `${LEAD}${UPPER}*${LOWER}+${SUFFIX}?`,
    `${LEAD}${UPPER}+${LOWER}*${SUFFIX}?`,
    raw`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${REST}`,
  ].join("|"),
  tekken: raw`${LEAD}${UPPER}*${LOWER}+|${LEAD}${UPPER}+${LOWER}*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${REST}`,
  deepseek:
    raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${"`"}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${REST}`,
  bloom: raw` ?[^(\s|[.,!?…。，、।۔،])]+`,
  clip: raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`,
  exaone:
    raw`${SUFFIX}|${LEAD}(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`,
  cl100kNow:
    raw`'(?i:[sdmt]|ll|ve|re)|${LEAD}+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`,
  marks: raw`${SUFFIX}|${LEAD}[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|${REST}`,
  jais: raw`'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s{512}(?!\S)|\s{256}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}`,
  threes: raw`\d{1,3}(?=(?:\d{3})*\b)`,
  superbpe: raw`(?=(\d{3})+(?!\d))`,
  digits: "[0-9][0-9][0-9]",
  blanks: " {2,}",
};

Deno.test("patterns of published tokenizers are quick", () => {
  for (const [name, pattern] of Object.entries(PUBLISHED)) assert(isQuick(pattern), name);
});

const SLOW = [
  ...[
    "(a+)+b",
    "(a*)*b",
    "(a|a)*b",
    "(?:a|ab)*c",
    "(x+x+)+y",
    "(?:(?:a+)b?)*c",
    raw`^(\w+\s?)*$`,
    "(a+){30,}",
    "(a?){40}b",
  ],
  ...["a*a*b", raw`[\s\S]*[\s\S]*x`, ".*.*=.*;", "(?=.*.*x)a", "(?:a{1,400}){1,3}b", "a{1,900}a{1,900}b"],
  ...["(a|ab|c)(a|ab|c)(a|ab|c)(a|ab|c)(a|ab|c)(a|ab|c)(a|ab|c)d", "(?:(?=a*b)[ab])*c*d"],
  // Alternatives that seem to be apart, and may match the same text.
  ...["(a|A)*b", "(?i:a|A)*b", "(a|[ab])*c", raw`(a|\w)*c`, raw`(a|\u0061)*c`, "(a|b?)*c", "(a|)*c", "(a|b?a)*c"],
  ...["(a|(?=a)a)*c", "(a|b+)*c", "(ab|(?:c|a)b)*d", "(a|(?i)a)*c", "(a|(?:b|a){2})*c", "(a| a)*c", "(ä|Ä)*c"],
];

Deno.test("patterns that try more ways than the square of a text's length are not quick, and what is no pattern is said to be none", () => {
  for (const pattern of SLOW) assert(!isQuick(pattern), pattern);
  const none = [
    "(",
    "(a",
    "a)",
    "[a",
    "*a",
    "a**",
    "(?&x)",
    "\\",
    "a".repeat(20_001),
    `${"(".repeat(200)}a${")".repeat(200)}`,
  ];
  for (const pattern of none) assertEquals([pattern, patternFault(pattern)], [pattern, UNREADABLE]);
});

Deno.test("alternatives that begin with letters of their own are repeated quickly, in the engine as well", () => {
  const quick = ["(a|b)*c", "(?:a|b)*c", "(a|b|0)+x", "(ab|cd)*e", "(?i:a|B)*c", "((?:a|b)x|c)*d", "(a{2}|b)*c"];
  quick.push("(a|b|c)(a|b|c)(a|b|c)(a|b|c)(a|b|c)(a|b|c)(a|b|c)d");
  for (const pattern of quick) {
    assert(isQuick(pattern), pattern);
    assertEquals(new RegExp(pattern, "v").test("aabbab".repeat(500)), false); // would not end were it slow
  }
});

Deno.test("the cost counts the ways that are gone back to, and none at the end", () => {
  const cost = (pattern: string) => costOf(partsOf(pattern) as Part);
  const cases: Readonly<Record<string, readonly [degree: number, ways: number]>> = {
    "abc": [0, 1],
    "a?b": [0, 2],
    "a{2,5}b": [0, 4],
    "a|b|c": [0, 1],
    "a|ab|c": [0, 3],
    "(?:a|b)(?:c|d)e": [0, 1],
    "(?:a|ab)(?:c|cd)e": [0, 4],
    "a+": [0, 1],
    "a+b": [1, 1],
    "a+b?": [0, 1],
    "a+(?!b)": [1, 1],
    "(?:a+)+": [0, 1],
    "(?:a{3})*b": [1, 1],
    "(?:a|b){2}c": [0, 1],
    "(?:a|ab){2}c": [0, 4],
    "(?:a|b)*c": [1, 1],
    "(?:ab|cd|(?:e|f)+g)h": [1, 1],
    "(?>a+?)++": [0, 1],
    "(?i)(?#x)a*(?<name>b)": [1, 1],
  };
  for (const [pattern, [degree, ways]] of Object.entries(cases)) {
    assertEquals([pattern, cost(pattern)], [pattern, { degree, ways }]);
  }
});

Deno.test("readTokenizer() refuses a pattern that may take for ever by name, wherever it stands", () => {
  const base = fixture.kinds.byteLevel.tokenizer;
  const split = { type: "Split", pattern: { Regex: "(a+)+b" }, behavior: "Isolated" };
  const places = [
    { pre_tokenizer: split },
    { pre_tokenizer: { type: "Sequence", pretokenizers: [split] } },
    { normalizer: { type: "Replace", pattern: { Regex: "(a+)+b" }, content: "" } },
    { decoder: { type: "Sequence", decoders: [{ type: "Replace", pattern: { Regex: "(a+)+b" }, content: "" }] } },
  ];
  for (const place of places) {
    const read = readTokenizer({ "tokenizer.json": JSON.stringify({ ...base, ...place }) });
    assert(read._tag === "Left");
    assertEquals(read.left.sentences, [
      "Cannot read tokenizer.json as a regular expression must not repeat what varies, nor repeat twice, before what " +
      'may be missing: current value is "(a+)+b"',
    ]);
  }
});
