/**
 * Rotary positions as a `config.json` says them: `rope_parameters` of transformers 5, or `rope_theta` and `rope_scaling`.
 */
import type { RotaryScaling } from "../../grad/rotary.ts";
import type { RotaryPositions } from "../architecture.ts";
import type { ConfigReader } from "./config_reader.ts";

/** What else decides on the angles. */
export interface RopeOptions {
  /** The base where the file does not say it. */
  readonly theta: number;
  /** The numbers of a head. */
  readonly headDim: number;
  /** The context; it is the original one where the file does not say that. */
  readonly contextLength: number;
  /** The context before it was stretched, where the file says it beside the record. */
  readonly original?: number;
  /** Whether the architecture may turn only a part of a head. */
  readonly partial?: boolean;
}

/** The angles of a model that has one kind of them. */
export function ropeOf(file: ConfigReader, options: RopeOptions): RotaryPositions {
  const record = file.record("rope_scaling") ?? file.record("rope_parameters");
  const outside = file.has("original_max_position_embeddings");
  const original = file.count("original_max_position_embeddings", options.contextLength);
  const more = { theta: file.number("rope_theta", options.theta), ...outside && { original } };
  return anglesOf(record, { ...options, ...more }, partOf(file, 1, options));
}

/** The angles that a record says, with those of the options as defaults. */
export function anglesOf(record: ConfigReader | null, options: RopeOptions, part = 1): RotaryPositions {
  const { headDim, contextLength } = options;
  if (record === null) return rotary(options.theta, headDim, part);
  const turned = rotary(record.number("rope_theta", options.theta), headDim, partOf(record, part, options));
  const pairs = (turned.size ?? headDim) / 2, within = record.has("original_max_position_embeddings");
  const original = options.original ??
    (within ? record.count("original_max_position_embeddings", contextLength) : contextLength);
  const scaling = scalingOf(record, { contextLength, pairs, original });
  return { ...turned, ...scaling && { scaling } };
}

function rotary(theta: number, headDim: number, part: number): RotaryPositions {
  const size = Math.floor(headDim * part);
  return { type: "rotary", theta, ...size !== headDim && { size } };
}

/** The share of a head that is turned. */
function partOf(record: ConfigReader, fallback: number, { partial }: RopeOptions): number {
  if (partial) return record.number("partial_rotary_factor", fallback);
  record.only("partial_rotary_factor", 1);
  return 1;
}

const TYPES = ["default", "linear", "dynamic", "llama3", "yarn", "longrope"] as const;

/** What a scaling is about: the pairs that are turned, the context now and before it was stretched. */
interface Stretch extends Pick<RopeOptions, "contextLength"> {
  readonly pairs: number;
  readonly original: number;
}

function scalingOf(record: ConfigReader, stretch: Stretch): RotaryScaling | undefined {
  const name = record.has("rope_type") ? "rope_type" : "type";
  record.harmless(["type"]); // what older files call rope_type, and some hold both
  const type = record.choice(name, TYPES, "default");
  switch (type) {
    case "default":
      record.harmless(record.names); // nothing else is read then
      return undefined;
    case "linear":
      record.needed(["factor"]);
      return { type, factor: record.number("factor", 1) };
    case "dynamic": // changes angles beyond the context alone, where nothing is computed
      record.needed(["factor"]);
      record.only("original_max_position_embeddings", stretch.contextLength);
      return undefined;
    case "llama3":
      record.needed(["factor", "low_freq_factor", "high_freq_factor"]);
      return {
        type,
        factor: record.number("factor", 1),
        lowFrequencyFactor: record.number("low_freq_factor", 1),
        highFrequencyFactor: record.number("high_freq_factor", 4),
        originalContextLength: stretch.original,
      };
    case "yarn":
      return yarnOf(record, stretch);
    case "longrope":
      return longropeOf(record, stretch);
  }
}

/** YaRN, whose factor on cosines and sines is 0.1·ln factor + 1, where the record has no other. */
function yarnOf(record: ConfigReader, { original }: Stretch): RotaryScaling {
  record.needed(["factor"]);
  const factor = record.number("factor", 1);
  const grown = (scale: number): number => factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
  const [scale, ofAll] = [record.number("mscale", 1), record.number("mscale_all_dim", 1)];
  const both = record.has("mscale") && record.has("mscale_all_dim");
  return {
    type: "yarn",
    factor,
    betaFast: record.number("beta_fast", 32),
    betaSlow: record.number("beta_slow", 1),
    truncate: record.flag("truncate", true),
    originalContextLength: original,
    attentionFactor: record.number("attention_factor", both ? grown(scale) / grown(ofAll) : grown(1)),
  };
}

/** LongRoPE's short factors, and √(1 + ln factor / ln original) on cosines and sines. */
function longropeOf(record: ConfigReader, { original, contextLength, pairs }: Stretch): RotaryScaling {
  record.needed(["short_factor", "long_factor"]);
  record.numbers("long_factor", pairs); // of texts that are longer than the original context
  const factor = record.number("factor", contextLength / original);
  return {
    type: "longrope",
    factors: record.numbers("short_factor", pairs) ?? [],
    originalContextLength: original,
    attentionFactor: record.number(
      "attention_factor",
      factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)),
    ),
  };
}
