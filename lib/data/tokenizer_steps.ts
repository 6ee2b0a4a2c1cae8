/**
 * The steps of a `tokenizer.json`, said in those that `@huggingface/tokenizers` computes exactly as Rust's tokenizers do.
 *
 * The package writes some with JavaScript's `\s`, `\d` and `\w`, which are not Unicode's, and knows two of the five ways
 * to split; each has an equal `Split` by a regular expression, which it translates character class by character class.
 */
type Fields = Readonly<Record<string, unknown>>;

/** GPT-2's words. */
const WORDS = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const PUNCTUATION = String.raw`[\p{P}\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u007E]`;

/** A `tokenizer.json` whose steps the package computes exactly. */
export function exactSteps(json: Fields): Fields {
  const step = (name: string, exact: (step: Fields) => Fields): Fields | null =>
    json[name] ? exact(json[name] as Fields) : null;
  return {
    ...json,
    added_tokens: json.added_tokens ?? [],
    normalizer: step("normalizer", exactNormalizer),
    pre_tokenizer: step("pre_tokenizer", exactPreTokenizer),
    post_processor: json.post_processor ?? null,
    decoder: json.decoder ?? null,
  };
}

const split = (regex: string, behavior = "Isolated", invert = false): Fields => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior,
  invert,
});
const sequence = (...pretokenizers: readonly Fields[]): Fields => ({ type: "Sequence", pretokenizers });
const replace = (regex: string): Fields => ({ type: "Replace", pattern: { Regex: regex }, content: "" });

function exactNormalizer(step: Fields): Fields {
  if (step.type === "Sequence") {
    return { ...step, normalizers: ((step.normalizers ?? []) as readonly Fields[]).map(exactNormalizer) };
  }
  if (step.type !== "Strip") return step;
  const sides = [...step.strip_left ? [String.raw`\A\s+`] : [], ...step.strip_right ? [String.raw`\s+\z`] : []];
  return { type: "Sequence", normalizers: sides.map(replace) };
}

function exactPreTokenizer(step: Fields): Fields {
  switch (step.type) {
    case "Sequence":
      return sequence(...((step.pretokenizers ?? []) as readonly Fields[]).map(exactPreTokenizer));
    case "ByteLevel":
      if (step.use_regex === false || step.add_prefix_space) return step; // the space belongs before the first word
      return sequence(split(WORDS), { ...step, use_regex: false });
    case "Digits":
      return split(step.individual_digits ? String.raw`\p{N}` : String.raw`\p{N}+`);
    case "Whitespace":
      return split(String.raw`\w+|[^\w\s]+`, "Removed", true);
    case "WhitespaceSplit":
      return split(String.raw`\s+`, "Removed");
    case "Punctuation":
      return exactSplit(split(PUNCTUATION, (step.behavior as string | undefined) ?? "Isolated"));
    case "Split":
      return exactSplit(step);
    case "Metaspace": {
      const scheme = step.prepend_scheme ?? (step.add_prefix_space === false ? "never" : "always");
      const metaspace = { ...step, prepend_scheme: scheme };
      const mark = { type: "Split", pattern: { String: step.replacement ?? "▁" }, behavior: "MergedWithNext" };
      return step.split === false ? metaspace : sequence(metaspace, exactSplit(mark));
    }
    default:
      return step;
  }
}

/** A split that joins a match to its neighbours, as one that keeps longer matches apart. */
function exactSplit(step: Fields): Fields {
  const { String: text, Regex } = (step.pattern ?? {}) as { readonly String?: string; readonly Regex?: string };
  const pattern = Regex ?? (text ?? "").replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
  const inverted = step.invert === true;
  const others = String.raw`(?:(?!${pattern})[\s\S])`;
  switch (String(step.behavior).toLowerCase().replaceAll("_", "")) {
    case "removed":
      return inverted ? step : split(`${others}+`, "Removed", true); // a split would keep what a group matched
    case "isolated":
      return { ...step, invert: false };
    case "contiguous":
      if (!inverted) return split(`(?:${pattern})+`);
      break;
    case "mergedwithprevious":
      if (!inverted) return split(`${others}*(?:${pattern})`);
      break;
    case "mergedwithnext":
      if (!inverted) return split(`(?:${pattern})${others}*`);
  }
  throw new Error(`Unknown Split behavior: ${step.behavior}${inverted ? ", inverted" : ""}`);
}
