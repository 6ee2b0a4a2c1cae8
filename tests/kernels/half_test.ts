import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Half, narrow, widen } from "../../lib/kernels/half.ts";
import { kernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { shared } from "./arrays.ts";

const widened = (half: Half, ...bits: number[]): number[] => {
  const out = new Float32Array(bits.length);
  widen(half, Uint16Array.from(bits), out);
  return [...out];
};
const narrowed = (half: Half, ...values: number[]): number[] => {
  const out = new Uint16Array(values.length);
  narrow(half, Float64Array.from(values), out);
  return [...out];
};

Deno.test("widen() gives the value that IEEE 754 and bfloat16 define", () => {
  // sign, exponent, fraction by hand: 1, −2, the largest, the smallest, ∞
  assertEquals(widened("f16", 0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00), [1, -2, 65504, 2 ** -24, Infinity]);
  assertEquals(widened("bf16", 0x3f80, 0xc000, 0x4049, 0x0001, 0xff80), [1, -2, 3.140625, 2 ** -133, -Infinity]);
  assertEquals(Object.is(widened("bf16", 0x8000)[0], -0), true);
});

Deno.test("all 65,536 numbers of 16 bits come back from f32 and f64 bit for bit", () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  for (const half of ["f16", "bf16"] as const) {
    for (const wide of [new Float32Array(65536), new Float64Array(65536)]) {
      widen(half, all, wide);
      const back = new Uint16Array(65536);
      narrow(half, wide, back);
      const changed = all.filter((bits, i) => back[i] !== bits && !Number.isNaN(wide[i]));
      assertEquals(changed.length, 0, `${half}: ${changed.slice(0, 5)}`);
    }
  }
});

Deno.test("narrow() rounds a tie to the even neighbour, and what lies beside it to its own side", () => {
  // between 1 and its next neighbour 1 + 2^-7 (bf16) or 1 + 2^-10 (f16)
  for (const [half, one, step] of [["bf16", 0x3f80, 2 ** -7], ["f16", 0x3c00, 2 ** -10]] as const) {
    assertEquals(narrowed(half, 1 + step / 2, 1 + 1.5 * step), [one, one + 2], half);
    for (const tiny of [2 ** -20, 2 ** -40]) {
      assertEquals(
        narrowed(half, 1 + step / 2 + tiny, 1 + step / 2 - tiny, -1 - step / 2 - tiny, 1 + 1.5 * step - tiny),
        [one + 1, one, one + 1 + 0x8000, one + 1],
        `${half} ± ${tiny}`,
      );
    }
  }
  assertEquals(narrowed("bf16", 3.3961775292304957e38, 1e300, NaN), [0x7f80, 0x7f80, 0x7fc0]);
  assertEquals(narrowed("f16", 65519.99, 65520, -1e300), [0x7bff, 0x7c00, 0xfc00]);
});

Deno.test("narrow() takes the nearest of all numbers of 16 bits", () => {
  for (const half of ["f16", "bf16"] as const) {
    fc.assert(fc.property(fc.double({ min: -60000, max: 60000, noNaN: true }), (value) => {
      const [bits] = narrowed(half, value) as [number];
      const [at, below, above] = widened(half, bits, bits - 1, bits + 1) as [number, number, number];
      const miss = (x: number): number => Number.isNaN(x) ? Infinity : Math.abs(x - value);
      return miss(at) <= miss(below) && miss(at) <= miss(above);
    }));
  }
});

Deno.test("widen() of wasm gives the bits of the reference for every number of 16 bits, wherever it stands", () => {
  const all = Uint16Array.from({ length: 65_536 + 3 }, (_, i) => i & 0xffff);
  for (const half of ["f16", "bf16"] as const) {
    const bits = halfOf(all), out = shared(new Float32Array(all.length)), expected = new Float32Array(all.length);
    reference.widen(half, all, expected);
    kernels("f32").widen(half, bits, out);
    all.forEach((_, i) => {
      const [a, b] = [out[i] as number, expected[i] as number];
      if (!Object.is(a, b)) throw new Error(`${half} ${all[i]?.toString(16)} is ${a}, not ${b}`);
    });
    kernels("f32").widen(half, bits.subarray(5, 7), out.subarray(0, 2));
    assertEquals([...out.subarray(0, 3)], [...expected.subarray(5, 7), expected[2]]);
  }
});

/** The same bits in the shared memory. */
function halfOf(values: Uint16Array): Uint16Array {
  const { buffer, byteOffset } = shared(new Float32Array(Math.ceil(values.length / 2)));
  const bits = new Uint16Array(buffer, byteOffset, values.length);
  bits.set(values);
  return bits;
}
