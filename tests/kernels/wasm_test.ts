import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { buffer, reserve } from "../../lib/kernels/address_space.ts";
import { kernels, openKernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { f32x4, func, loop, v128 } from "../../lib/kernels/wasm/assembler.ts";
import { encodeModule, signed, unsigned } from "../../lib/kernels/wasm/encode.ts";
import { wasmKernels } from "../../lib/kernels/wasm/kernels.ts";
import { detectTarget, emit } from "../../lib/kernels/wasm/module.ts";
import { distance, random, shared, uniform } from "./arrays.ts";

Deno.test("integers are encoded in LEB128 as the specification's examples", () => {
  assertEquals([unsigned(0), unsigned(127), unsigned(128)], [[0], [0x7f], [0x80, 0x01]]);
  assertEquals(unsigned(624_485), [0xe5, 0x8e, 0x26]);
  assertEquals([signed(-1), signed(63), signed(64), signed(-64)], [[0x7f], [0x3f], [0xc0, 0x00], [0x40]]);
  assertEquals(signed(-123_456), [0xc0, 0xbb, 0x78]);
});

Deno.test("the module is valid with and without fused multiply-add, for 32-bit and for 64-bit addresses", () => {
  for (const fma of [true, false]) assert(WebAssembly.validate(emit({ address: "i32", fma })));
  const memory64 = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 0x04, 0];
  if (WebAssembly.validate(new Uint8Array(memory64))) assert(WebAssembly.validate(emit({ address: "i64", fma: true })));
});

Deno.test("a function makes each constant once, where it begins", () => {
  const write = func("write", { at: "address", end: "address" }, ({ at, end }, local) => {
    const x = local("v128");
    return loop(at, at, end, 16, [
      x.set(f32x4.add(f32x4.of(2), f32x4.of(0))),
      v128.store(at, f32x4.madd(x, f32x4.of(2), f32x4.of(0.5))),
    ]);
  });
  const alone = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const bytes = encodeModule([write], { address: "i32", fma: false }, { pages: 1, shared: false });
  const [begin, constant] = [bytes.findLastIndex((byte, i) => byte === 0x03 && bytes[i + 1] === 0x40), [0xfd, 12]];
  const places = Array.from(bytes.keys()).filter((i) => constant.every((byte, j) => bytes[i + j] === byte));
  assertEquals(places.map((i) => new DataView(bytes.buffer).getFloat32(i + 2, true)), [2, 0.5, 0]);
  assertEquals(places.map((i) => i < begin), [true, true, false]); // zero is one instruction anywhere
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory: alone } });
  (exports.write as (at: number, end: number) => void)(0, 48);
  assertEquals([...new Float32Array(alone.buffer, 0, 13)], [...Array(12).fill(4.5), 0]);
});

Deno.test("an engine that refuses 4 GiB is asked for less, one that shares no memory for one of a thread", () => {
  const asked: [number, boolean | undefined][] = [];
  const make = (most: number, sharing: boolean) => (limits: WebAssembly.MemoryDescriptor): WebAssembly.Memory => {
    asked.push([limits.initial, limits.shared]);
    if (limits.initial > most || (limits.shared && !sharing)) throw new RangeError("no");
    return new WebAssembly.Memory({ ...limits, initial: 1, maximum: 1 });
  };
  reserve(65_536, make(20_000, true));
  assertEquals(asked.splice(0), [[65_536, true], [32_768, true], [16_384, true]]);
  const alone = reserve(65_536, make(65_536, false));
  assertEquals(asked.at(-1), [65_536, false]);
  assert(alone.buffer instanceof ArrayBuffer);
  assertThrows(() => reserve(65_536, make(0, true)), RangeError, "no");
  const target = { address: "i32", fma: true } as const;
  new WebAssembly.Instance(new WebAssembly.Module(emit(target, { pages: 1, shared: false })), {
    env: { memory: alone },
  });
});

Deno.test("an engine is asked for what it has: SIMD with or without relaxed SIMD, or neither", () => {
  // 0x85 0x02 is the opcode of relaxed_madd.
  const plain = (module: Uint8Array): boolean => !module.includes(0x85);
  assertEquals(detectTarget(() => true), { address: "i32", fma: true });
  assertEquals(detectTarget(plain), { address: "i32", fma: false });
  assertEquals(detectTarget(() => false), undefined);
});

Deno.test("without fused multiply-add kernels meet the same bounds", () => {
  const plain = wasmKernels({ address: "i32", fma: false });
  const draw = uniform(1);
  const [m, n, k] = [9, 21, 300];
  const [a, b, c] = [random(m * k, draw), random(k * n, draw), shared(new Float32Array(m * n))];
  const exact = new Float64Array(m * n);
  plain.gemm(m, n, k, a, [k, 1], b, [n, 1], c, n, 0);
  reference.gemm(m, n, k, a, [k, 1], b, [n, 1], exact, n, 0);
  assert(distance(c, exact) < 1e-5);
  const x = shared(Float32Array.from({ length: 10_001 }, (_, i) => -80 + 160 * i / 10_000));
  const y = shared(x);
  plain.map("exp", x, y);
  assert(x.every((xi, i) => Math.abs(y[i]! / Math.exp(xi) - 1) < 2 ** -22));
});

Deno.test("kernels reach the end of the memory, where addresses no longer fit a signed integer", () => {
  const n = 4096;
  const view = (i: number): Float32Array => new Float32Array(buffer(), buffer().byteLength - 64 - 4 * n * (i + 1), n);
  const [x, out] = [view(0).fill(2), view(1)];
  kernels("f32").gemm(64, 64, 64, x, [64, 1], x, [1, 64], out, 64, 0);
  assert(out.every((y) => y === 256));
  kernels("f32").rmsNorm(x, view(2).fill(3), out, n, 0);
  assert(out.every((y) => y === 3));
});

Deno.test("kernels() gives wasm for f32 and reference for f64; openKernels() chooses, and refuses what is none", async () => {
  assertEquals([kernels("f32").name, kernels("f64").name], ["wasm", "reference"]);
  assertStrictEquals(kernels("f32"), kernels("f32"));
  await openKernels({ backend: "reference" });
  assertEquals(kernels("f32").name, "reference");
  await openKernels({ backend: "wasm" });
  assertEquals(kernels("f32").name, "wasm");
  const backend = "cuda" as "wasm";
  await assertRejects(
    () => openKernels({ backend }),
    RangeError,
    "backend must be one of wasm, blas, onednn, reference: current value is cuda",
  );
});
