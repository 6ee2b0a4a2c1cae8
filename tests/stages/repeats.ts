/** Pairs from which there is one thing to learn, with a fresh policy to learn it. */
import type { TokenPair } from "../../lib/data/token_pair.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { fold, integer, key } from "../../lib/tensor/random.ts";
import { config, tokenizer } from "./tiny.ts";

/** A pair whose chosen completion repeats one token and whose rejected another: what there is to learn. */
function row(i: number): TokenPair {
  const at = (name: string): number => 1 + integer(fold(fold(key(9), name), i), 4);
  return {
    id: `row ${i}`,
    prompt: Int32Array.from({ length: at("p") }, (_, j) => 100 + ((i + j) % 20)),
    chosen: new Int32Array(at("c")).fill(7),
    rejected: new Int32Array(at("r")).fill(8),
  };
}

/** What a pipeline that aligns begins with. */
export const given = {
  config,
  tokenizer,
  policy: initDecoder(key(1), config),
  rows: Array.from({ length: 24 }, (_, i) => row(i)),
  heldOutRows: Array.from({ length: 10 }, (_, i) => row(100 + i)),
};
