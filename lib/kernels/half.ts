/** Numbers of 16 bits: IEEE 754 binary16 (f16) and bfloat16 (bf16, the upper half of a binary32). */
import type { Floats } from "./kernels.ts";

/** A 16-bit number format. */
export type Half = "f16" | "bf16";

/** Writes the exact values of 16-bit numbers into `out`, of the same length. */
export function widen(half: Half, bits: Uint16Array, out: Floats): void {
  if (half === "f16") return out.set(new Float16Array(bits.buffer, bits.byteOffset, bits.length));
  const words = new Uint32Array(1), number = new Float32Array(words.buffer);
  const direct = out instanceof Float32Array ? new Uint32Array(out.buffer, out.byteOffset, out.length) : undefined;
  for (let i = 0; i < bits.length; i++) {
    const word = (bits[i] as number) << 16;
    if (direct !== undefined) direct[i] = word;
    else out[i] = (words[0] = word, number[0] as number);
  }
}

/**
 * Writes numbers as the nearest 16-bit ones, ties to the one whose last bit is 0; what is beyond the largest becomes
 * infinite. What `widen` gave comes back bit for bit, but for the bits within a NaN.
 */
export function narrow(half: Half, values: Floats, out: Uint16Array): void {
  if (half === "f16") return new Float16Array(out.buffer, out.byteOffset, out.length).set(values);
  const number = new Float32Array(1), words = new Uint32Array(number.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    number[0] = value;
    let word = words[0] as number;
    const rounded = number[0] as number;
    if (rounded !== rounded) {
      out[i] = 0x7fc0;
      continue;
    }
    // A double may lie beside the tie that rounding to 32 bits has put it on.
    if ((word & 0xffff) === 0x8000 && rounded !== value) word += Math.abs(value) > Math.abs(rounded) ? 1 : -1;
    out[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
}
