/** Where the arrays that kernels are given lie in the shared memory. */

import type { Floats } from "../kernels.ts";
import { buffer } from "../address_space.ts";
import { allocate, withScratch } from "../memory.ts";

/** The address of an array's first element. */
export function at(x: Floats): number {
  if (x.buffer !== buffer() || x.BYTES_PER_ELEMENT !== 4) {
    throw new TypeError("Cannot run wasm kernels as arrays must be 32-bit views of the shared memory");
  }
  return x.byteOffset;
}

/** The address of the first of some numbers of 16 bits. */
export function atBits(x: Uint16Array): number {
  if (x.buffer !== buffer()) {
    throw new TypeError("Cannot run wasm kernels as arrays must be views of the shared memory");
  }
  return x.byteOffset;
}

/** Runs `body` with the address of integers, which may lie anywhere and are copied in if need be. */
export function withInts(ints: Int32Array, body: (address: number) => void): void {
  if (ints.buffer === buffer()) return body(ints.byteOffset);
  withScratch(() => {
    const { offset } = allocate(ints.byteLength);
    new Int32Array(buffer(), offset, ints.length).set(ints);
    body(offset);
  });
}

/** Room for integers in the innermost region. */
export function integers(length: number): Int32Array {
  return new Int32Array(buffer(), allocate(4 * length).offset, length);
}

/** Room for doubles in the innermost region. */
export function doubles(length: number): Float64Array {
  return new Float64Array(buffer(), allocate(8 * length).offset, length);
}
