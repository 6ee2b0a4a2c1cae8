/** Bounds of a rendering: a template that goes on for ever, or writes without end, is stopped. */
import { TemplateError } from "./template_error.ts";
import type { Value } from "./values.ts";

const MOST_STEPS = 2_000_000;
const MOST_CHARACTERS = 16_000_000;
const MOST_ITEMS = 1_000_000;
const MOST_DEPTH = 150;

/** What a rendering may still use. */
export interface Budget {
  /** Takes so many steps. */
  readonly spend: (steps: number) => void;
  /** Takes the steps of looking through a value once. */
  readonly look: (value: Value) => void;
  /** A text, if it is not too long. */
  readonly text: (text: string) => string;
  /** A list, if it is not too long. */
  readonly list: (items: readonly Value[]) => readonly Value[];
  /** Counts a text as written. */
  readonly write: (text: string) => void;
  /** Checks a length before anything that long is made. */
  readonly length: (length: number) => void;
  /** Computes something one level deeper. */
  readonly deeper: <T>(compute: () => T) => T;
}

/** A fresh budget. */
export function budget(): Budget {
  let steps = 0;
  let depth = 0;
  let written = 0;
  const stop = (rule: string): TemplateError => new TemplateError("limit", rule);
  const spend = (some: number): void => {
    steps += some;
    if (steps > MOST_STEPS) throw stop(`it must be done in ${MOST_STEPS} steps`);
  };
  const length = (size: number): void => {
    if (size > MOST_CHARACTERS) throw stop(`a text must have at most ${MOST_CHARACTERS} characters`);
    spend(size / 64);
  };
  return {
    spend,
    length,
    write: ({ length: size }) => {
      spend(size / 64);
      written += size;
      if (written > MOST_CHARACTERS) throw stop(`it must write at most ${MOST_CHARACTERS} characters`);
    },
    look: (value) => {
      if (typeof value === "string" || Array.isArray(value)) spend(value.length / 16);
      else if (value instanceof Map) spend(value.size / 4);
      else if (typeof value === "object" && value !== null && "items" in value) spend(value.items.length / 16);
    },
    text: (text) => (length(text.length), text),
    list: (items) => {
      if (items.length > MOST_ITEMS) throw stop(`a list must have at most ${MOST_ITEMS} items`);
      spend(items.length / 8);
      return items;
    },
    deeper: (compute) => {
      if (++depth > MOST_DEPTH) throw stop(`macros must not call each other more than ${MOST_DEPTH} levels deep`);
      try {
        return compute();
      } finally {
        depth--;
      }
    },
  };
}
