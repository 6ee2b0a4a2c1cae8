import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeData, encodeData } from "../../lib/flow/data_bytes.ts";

/** What comes back. */
function back(data: unknown): unknown {
  const decoded = decodeData(encodeData(data));
  assert(decoded._tag === "Right", String(decoded._tag === "Left" && decoded.left));
  return decoded.right;
}

Deno.test("decodeData(encodeData(data)) is the data, with what JSON has no word for", () => {
  const data = {
    numbers: [0, -0, NaN, Infinity, -Infinity, 0.1, 5e-324, 2 ** 53],
    big: -(2n ** 80n),
    nothing: [null, undefined],
    map: new Map<unknown, unknown>([["a", new Set([1, -0])], [2, { x: undefined }]]),
    text: "line\u2028 \ud800 \0 é",
    "~": "a field that looks like a mark",
    nested: { "~": "number", is: "NaN" },
    ["__proto__"]: 3,
    arrays: [
      Float32Array.of(1, -0, NaN),
      Float64Array.of(0.1),
      Int8Array.of(-1),
      Uint8ClampedArray.of(300),
      Uint16Array.of(65535),
      BigInt64Array.of(-1n),
      new Int32Array(),
    ],
  };
  assertEquals(back(data), data);
  assert(Object.is((back([-0]) as number[])[0], -0));
  assertEquals(Object.keys(back(data) as object), Object.keys(data));
});

Deno.test("decodeData(encodeData(data)) is any JSON, and any JSON of typed arrays", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.float32Array(), fc.uint8Array(), (json, floats, bytes) => {
      const data = { json, floats, bytes: [bytes] };
      assertEquals(back(data), data);
    }),
    { numRuns: 200 },
  );
});

Deno.test("an array in two places is written once, and is one array again, in memory of its own", () => {
  const shared = new Float32Array(1000);
  const bytes = encodeData({ a: shared, b: [shared], part: new Float32Array(shared.buffer, 8, 2) });
  assert(bytes.length < 4000 + 300, `${bytes.length} bytes`);
  const { a, b, part } = back({ a: shared, b: [shared], part: shared.subarray(2, 4) }) as Record<string, Float32Array>;
  assertStrictEquals((b as unknown as Float32Array[])[0], a);
  assertEquals([a!.buffer.byteLength, part!.length, part!.buffer.byteLength], [4000, 2, 8]);
});

Deno.test("equal data, equal bytes", () => {
  const make = () => encodeData({ x: Float64Array.of(1, 2), y: [NaN, new Map([["k", 1n]])] });
  assertEquals(make(), make());
});

Deno.test("bytes that are cut anywhere, or changed anywhere, are refused", () => {
  const bytes = encodeData({ step: 3, moments: Float32Array.of(0.5, 1.5), name: "policy" });
  for (let i = 0; i < bytes.length; i++) {
    assert(decodeData(bytes.subarray(0, i))._tag === "Left", `cut to ${i}`);
    const changed = bytes.slice();
    changed[i]! ^= 1 << (i % 8);
    assert(decodeData(changed)._tag === "Left", `changed at ${i}`);
  }
  const other = decodeData(new TextEncoder().encode("PK zip"));
  assertEquals(other._tag === "Left" && other.left, "it must begin as what logratio writes");
});

Deno.test("encodeData() names what is not data", () => {
  assertThrows(() => encodeData({ a: [() => 1] }), TypeError, "data.a.0 is of type function");
  assertThrows(() => encodeData({ at: new Date(0) }), TypeError, "data.at is of type Date");
});
