import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import type { Base, Library, Native } from "../../lib/kernels/library.ts";
import { type OneDnn, oneDnnKernels, openOneDnn } from "../../lib/kernels/onednn.ts";
import { kernels, openKernels } from "../../lib/kernels/provider.ts";
import { wasmKernels } from "../../lib/kernels/wasm/kernels.ts";
import { compile, detectTarget } from "../../lib/kernels/wasm/module.ts";
import { openTeam } from "../../lib/kernels/wasm/team.ts";
import { random, shared, uniform } from "./arrays.ts";
import { bfloat16, imitation } from "./onednn_imitation.ts";
import { checkProducts } from "./products.ts";

const target = detectTarget()!;

Deno.test("roundRows writes bfloat16s to nearest, ties to even, row by row", () => {
  const { kernels } = openTeam(compile(target), { threads: 1 });
  const special = [0, -0, 1, -1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -23, Infinity, 3e38, 1e-40, Math.PI];
  const [x, out] = [shared([...special, ...random(33, uniform(1), 1e3)]), shared(new Float32Array(24))];
  const [rows, columns, apart] = [4, 9, 11];
  kernels.roundRows(x.byteOffset, out.byteOffset, rows, 4 * columns, 4 * apart, 2 * 12); // rows overlap what means nothing
  const halves = new Uint16Array(out.buffer, out.byteOffset);
  for (let i = 0; i < rows; i++) {
    const got = Array.from({ length: columns }, (_, j) => halves[i * 12 + j]! << 16);
    const expected = Array.from(x.subarray(i * apart, i * apart + columns), bfloat16);
    assertEquals(new Float32Array(Int32Array.from(got).buffer), Float32Array.from(expected));
  }
});

/** The machine's own, if there is one and it may be called. */
const own = ((): OneDnn | undefined => {
  try {
    return openOneDnn({});
  } catch {
    return undefined;
  }
})();

/** Kernels whose threads take parts from the first product on. */
const over = (threads: number): Base => (callee) => wasmKernels(target, { threads, callee, reluctance: 0 });

const inBfloat16 = [[301, 70, 300], [70, 301, 300], [600, 96, 70], [96, 96, 603]];
const inFloats = [[3, 7, 300], [1, 512, 128], [16, 344, 100], [344, 40, 100], [64, 64, 64]];

const processors = {
  AMX: 0xfef,
  "AVX-512's bfloat16": 0xe7,
  "AVX-512's 16-bit floats, and AMX hidden": 0x1ef,
  "no such units": 0x27,
};

for (const [what, isa] of Object.entries(processors)) {
  Deno.test(`products by a oneDNN that is imitated, with ${what}, are those that the processor can do`, () => {
    const round = isa === 0x27 || isa === 0x1ef ? (x: number): number => x : bfloat16;
    const oneDnn = openOneDnn({ open: () => imitation(isa).library });
    for (const threads of [1, 3]) {
      const fast = oneDnnKernels(over(threads), oneDnn);
      checkProducts(fast, [[301, 70, 63], [70, 301, 63]], { round: () => round, most: 1e-5 });
      checkProducts(fast, inFloats, { most: 1e-5 });
    }
  });
}

Deno.test("products of more sizes than are kept ready leave no objects of the library behind", () => {
  const { library, live } = imitation(0xe7);
  const fast = oneDnnKernels(over(1), openOneDnn({ open: () => library }));
  const [a, c] = [random(500 * 300, uniform(3)), shared(new Float32Array(500 * 3))];
  const counts = [360, 500].map((most) => {
    for (let m = 100; m < most; m++) fast.gemm(m, 3, 300, a, [300, 1], a, [3, 1], c, 3, 0);
    return live();
  });
  assertEquals(counts[0], 2 + (1 + 256) * 5); // engine, stream; of each product the primitive and four memories
  assertEquals(counts[1], counts[0]);
});

Deno.test({
  name: "products by oneDNN equal those of factors in bfloat16 to 1e-5, small ones those of the factors themselves",
  ignore: own === undefined,
  fn: () => {
    const round = own!.units === "none" ? (x: number): number => x : bfloat16;
    for (const threads of [1, 3]) {
      const fast = oneDnnKernels(over(threads), own!);
      checkProducts(fast, inBfloat16, { round: () => round, most: 1e-5 });
      checkProducts(fast, inFloats, { most: 1e-5 });
    }
  },
});

Deno.test({
  name: "products by oneDNN have the same bits again, also after more sizes than are kept ready",
  ignore: own === undefined,
  fn: () => {
    const fast = oneDnnKernels(over(2), own!);
    const draw = uniform(2);
    const [a, b] = [random(400 * 64, draw), random(64 * 128, draw)];
    const product = (m: number): Float32Array => {
      const c = shared(new Float32Array(m * 128));
      fast.gemm(m, 128, 64, a, [64, 1], b, [128, 1], c, 128, 0);
      return c.slice();
    };
    const first = product(300);
    for (let m = 50; m < 350; m++) product(m);
    assertEquals(product(300), first);
  },
});

/** A library with functions of these names, which do nothing. */
const library = (names: readonly string[]): Library => ({
  path: "libdnnl.so.3",
  memory: 0,
  addressOf: () => 0n,
  textAt: () => "",
  find: (name) => names.includes(name) ? (() => 0) as Native : null,
  isShared: false,
});

Deno.test("a oneDNN of version 2, of other threads, or none at all is refused in a sentence", () => {
  const refused = (names: readonly string[], why: string): unknown =>
    assertThrows(
      () => openOneDnn({ path: "libdnnl.so.2", open: () => library(names) }),
      Error,
      `Cannot use libdnnl.so.2 as oneDNN as it ${why}: install version 3 (pip install onednn-cpu-gomp)`,
    );
  refused(["dnnl_engine_create", "dnnl_memory_desc_init_by_strides"], "is of version 2 and must be of version 3");
  refused(["cblas_sgemm"], "has no function dnnl_get_effective_cpu_isa");
});

Deno.test("openOneDnn() says what to install where nothing is found", () => {
  const absent = (): Library => {
    throw new Error("no such file");
  };
  assertThrows(() => openOneDnn({ open: absent }), Error, "Cannot use backend onednn as none was found, neither ");
});

const mayCall = (await Deno.permissions.query({ name: "ffi" })).state === "granted";

Deno.test({
  name: "without the permission to call oneDNN a sentence names the flag",
  ignore: mayCall,
  fn: async () => {
    const sentence = "Cannot use backend onednn as calling a library is not permitted: run again with --allow-ffi";
    await assertRejects(() => openKernels({ backend: "onednn" }), Error, sentence);
    assertEquals(kernels("f32").name, "wasm");
  },
});

Deno.test({
  name: "the machine's oneDNN is chosen by openKernels(), which says so where it gains nothing",
  ignore: own === undefined,
  fn: async () => {
    const { remarks } = await openKernels({ backend: "onednn" });
    assertEquals(kernels("f32").name, "onednn");
    assertLess(0, kernels("f32").batchError);
    await openKernels({});
    if (own!.units !== "none") assertEquals(remarks, []);
    else assert(remarks[0]!.includes("no bfloat16 units that are faster"));
  },
});
