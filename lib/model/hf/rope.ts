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
  /** The context; it is llama3's original one where the file does not say that. */
  readonly contextLength: number;
  /** Whether the architecture may turn only a part of a head. */
  readonly partial?: boolean;
}

/** The angles of a model that has one kind of them. */
export function ropeOf(file: ConfigReader, options: RopeOptions): RotaryPositions {
  const record = file.record("rope_scaling") ?? file.record("rope_parameters");
  return anglesOf(record, { ...options, theta: file.number("rope_theta", options.theta) }, partOf(file, 1, options));
}

/** The angles that a record says, with those of the options as defaults. */
export function anglesOf(record: ConfigReader | null, options: RopeOptions, part = 1): RotaryPositions {
  const { headDim, contextLength } = options;
  if (record === null) return rotary(options.theta, headDim, part);
  const scaling = scalingOf(record, contextLength);
  const turned = rotary(record.number("rope_theta", options.theta), headDim, partOf(record, part, options));
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

const TYPES = ["default", "linear", "llama3"] as const;

function scalingOf(record: ConfigReader, contextLength: number): RotaryScaling | undefined {
  const name = record.has("rope_type") ? "rope_type" : "type";
  record.harmless(["type"]); // what older files call rope_type, and some hold both
  const type = record.choice(name, TYPES, "default");
  if (type === "default") {
    record.harmless(record.names); // nothing else is read then
    return undefined;
  }
  record.needed(type === "linear" ? ["factor"] : ["factor", "low_freq_factor", "high_freq_factor"]);
  const factor = record.number("factor", 1);
  if (type === "linear") return { type, factor };
  return {
    type,
    factor,
    lowFrequencyFactor: record.number("low_freq_factor", 1),
    highFrequencyFactor: record.number("high_freq_factor", 4),
    originalContextLength: record.count("original_max_position_embeddings", contextLength),
  };
}
