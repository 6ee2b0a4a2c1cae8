import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type Blas, blasKernels, openBlas } from "../../lib/kernels/blas.ts";
import type { Floats, Kernels, Strides } from "../../lib/kernels/kernels.ts";
import type { Base, Library, Native } from "../../lib/kernels/library.ts";
import { buffer } from "../../lib/kernels/address_space.ts";
import { kernels, openKernels, rowsAtOnce } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { detectTarget } from "../../lib/kernels/wasm/module.ts";
import { wasmKernels } from "../../lib/kernels/wasm/kernels.ts";
import { random, shared, uniform } from "./arrays.ts";
import { checkProducts } from "./products.ts";

type Sgemm = (
  ...args: [
    ...[order: number, formA: number, formB: number, m: number, n: number, k: number],
    ...[alpha: number, a: number, lda: number, b: number, ldb: number],
    ...[beta: number, c: number, ldc: number],
  ]
) => void;

/** A CBLAS in TypeScript: the reference behind its calling convention, with its checks of arguments. */
const plain: Sgemm = (...[order, formA, formB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc]) => {
  assertEquals([order, alpha], [101, 1]);
  const matrix = (form: number, at: number, ld: number, rows: number, columns: number): [Float32Array, Strides] => {
    assert(form === 111 || form === 112);
    const [lines, length] = form === 111 ? [rows, columns] : [columns, rows];
    assert(ld >= length && ld >= 1, `${ld} for ${length}`);
    const size = (lines - 1) * ld + length;
    return [new Float32Array(buffer(), at, size), form === 111 ? [ld, 1] : [1, ld]];
  };
  const [left, right] = [matrix(formA, a, lda, m, k), matrix(formB, b, ldb, k, n)];
  const [out, [apart]] = matrix(111, c, ldc, m, n);
  reference.gemm(m, n, k, ...left, ...right, out, apart, beta as 0 | 1);
};

/** Names of processors, at their addresses. */
const cores = ["Prescott", "SkylakeX", "generic", "Zen", "Opteron_SSE3", "ARMV8"];

/** A library with these functions and no others. */
const library = (
  functions: Readonly<Record<string, Sgemm | ((n: number) => void) | (() => bigint)>>,
  path = "libours.so",
): Library => ({
  path,
  memory: 0,
  addressOf: () => 0n,
  textAt: (address) => cores[Number(address)]!,
  find: (name) => functions[name] as Native | undefined ?? null,
  isShared: false,
});

const usable = library({ cblas_sgemm: plain });
const imitated = openBlas({ path: "libours.so", open: () => usable });

/** The machine's own, if there is one and it may be called. */
const own = ((): Blas | undefined => {
  try {
    return openBlas({});
  } catch {
    return undefined;
  }
})();

const target = detectTarget()!;
/** Kernels whose threads take parts from the first product on. */
const over = (threads: number): Base => (callee) => wasmKernels(target, { threads, callee, reluctance: 0 });

const cutInParts = [[301, 70, 300], [70, 301, 300]];
const model = [[256, 344, 128], [256, 128, 344], [600, 96, 70], [64, 512, 128], [1, 512, 128], [1, 4100, 256]];

for (const [name, blas] of [["imitated", imitated], ["the machine's", own]] as const) {
  Deno.test({
    name: `products by a BLAS, ${name}, equal the reference's to 1e-5 for NN, NT and TN, whole and cut in parts`,
    ignore: blas === undefined,
    fn: () => {
      for (const threads of [1, 3]) {
        const shapes = [[3, 7, 300], ...cutInParts, ...blas === own ? model : []];
        checkProducts(blasKernels(over(threads), blas!), shapes, { most: 1e-5 });
      }
    },
  });
}

Deno.test("a BLAS is given few parts, along the longer side, and the same ones whether threads are there or not", () => {
  const calls: number[][] = [];
  const sgemm: Sgemm = (...args) => {
    calls.push(args.slice(3, 5) as number[]);
    plain(...args);
  };
  const blas = openBlas({ path: "libours.so", open: () => library({ cblas_sgemm: sgemm }) });
  const kernels = blasKernels(over(2), blas);
  calls.length = 0;
  checkProducts(kernels, cutInParts, { most: 1e-5 });
  const rows = [144, 157].map((m) => [m, 70]);
  assertEquals(calls.slice(0, 2), rows);
  assertEquals(calls.slice(6, 8), rows.map(([m, n]) => [n, m]));
});

Deno.test("a long product comes in two parts for each thread, a shorter one in one, and for a single thread whole", () => {
  const calls: number[] = [];
  const sgemm: Sgemm = (...args) => {
    if (args[3] === 2) return plain(...args); // the product by which it is known for a BLAS
    calls.push(args[3] as number);
  };
  const blas = openBlas({ path: "libours.so", open: () => library({ cblas_sgemm: sgemm }) });
  const [a, b, c] = [2048 * 512, 512 * 512, 2048 * 512].map((n) => shared(new Float32Array(n)));
  const rows = (threads: number, m: number): readonly number[] => {
    calls.length = 0;
    blasKernels(over(threads), blas).gemm(m, 512, 512, a!, [512, 1], b!, [512, 1], c!, 512, 0);
    return [...calls].sort((x, y) => x - y);
  };
  assertEquals([rows(2, 2048), rows(2, 1024), rows(1, 2048)], [[512, 512, 512, 512], [512, 512], [2048]]);
});

Deno.test("a BLAS leaves products that read a large factor for a few rows to the other kernels", () => {
  const calls: string[] = [];
  const own = (name: "gemm" | "linears") => ({ [name]: () => void calls.push(`own ${name}`) });
  const sgemm: Sgemm = (...args) => (calls.push("library"), plain(...args));
  const base = { ...reference, ...own("gemm"), ...own("linears") } as Kernels<Floats>;
  const fast = blasKernels(() => base, openBlas({ path: "libours.so", open: () => library({ cblas_sgemm: sgemm }) }));
  const called = (run: () => void): readonly string[] => (calls.length = 0, run(), calls);
  const [n, k] = [1024, 256], weight = shared(new Float32Array(n * k)), x = shared(new Float32Array(n * k));
  const forward = (m: number, n: number): void => fast.gemm(m, n, k, x, [k, 1], weight, [1, k], shared(x), n, 0);
  assertEquals(called(() => forward(8, n)), ["own gemm"]);
  assertEquals(called(() => forward(9, n)), ["library"]);
  assertEquals(called(() => forward(8, n - 1)), ["library"]); // smaller
  assertEquals(called(() => forward(n, 1)), ["own gemm"]);
  assertEquals(called(() => fast.gemm(8, n, k, x, [k, 1], weight, [n, 1], shared(x), n, 0)), ["library"]); // by rows
  const layers = [n, n].map((outer) => ({ weight, outer, y: shared(new Float32Array(8 * outer)), beta: 0 as const }));
  assertEquals(called(() => fast.linears(8, k, x, layers)), ["own linears"]);
  const small = { weight, outer: 8, y: shared(new Float32Array(64)), beta: 0 as const };
  assertEquals(called(() => fast.linears(8, k, x, [...layers, small])), ["own gemm", "own gemm", "library"]);
  const inPanels = { weight, panels: weight, outer: 8, y: shared(new Float32Array(8 * 17)), beta: 0 as const };
  assertEquals(called(() => fast.linears(16, k, x, [inPanels])), ["own linears"]);
  assertEquals(called(() => fast.linears(17, k, x, [inPanels])), ["library"]);
});

Deno.test("what a BLAS has no words for is left to the other kernels, to the same bits", () => {
  const draw = uniform(2);
  const calls: string[] = [];
  const base: Kernels<Floats> = { ...reference, gemm: (...args) => (calls.push("own"), reference.gemm(...args)) };
  const sgemm: Sgemm = (...args) => (calls.push("library"), plain(...args));
  const fast = blasKernels(() => base, openBlas({ path: "libours.so", open: () => library({ cblas_sgemm: sgemm }) }));
  calls.length = 0;
  const [m, n, k] = [4, 5, 3];
  const b = random(200, draw);
  const cases: readonly (readonly [Strides, depth: number, who: string])[] = [
    [[k, 1], k, "library"],
    [[k + 4, 1], k, "library"],
    [[1, m + 2], k, "library"],
    [[5, 9], 1, "library"], // one column: what is between columns says nothing
    [[6, 2], k, "own"], // contiguous in no direction
    [[0, 1], k, "own"], // the same row again and again
    [[1, 0], k, "own"],
    [[k, 1], 0, "own"],
  ];
  for (const [strides, depth, who] of cases) {
    const [out, expected] = [random(m * n, uniform(3)), random(m * n, uniform(3))];
    const a = random(200, draw);
    fast.gemm(m, n, depth, a, strides, b, [n, 1], out, n, 0);
    reference.gemm(m, n, depth, a, strides, b, [n, 1], expected, n, 0);
    assertEquals([calls.pop(), out], [who, expected], `${strides}, depth ${depth}`);
  }
});

Deno.test("a BLAS is found by the names of its builds: plain, SciPy's, of 64-bit integers", () => {
  for (const name of ["cblas_sgemm", "scipy_cblas_sgemm", "cblas_sgemm64_", "scipy_cblas_sgemm64_", "cblas_sgemm_64"]) {
    assertStrictEquals(openBlas({ open: () => library({ [name]: plain }) }).callee.call as unknown, plain);
  }
});

Deno.test("a BLAS is told to use one thread a call, by the function it has", () => {
  const told = (setter: string): readonly number[] => {
    const numbers: number[] = [];
    openBlas({ open: () => library({ cblas_sgemm: plain, [setter]: (n: number) => void numbers.push(n) }) });
    return numbers;
  };
  const openBlasOf64 = "scipy_openblas_set_num_threads64_";
  const others = ["bli_thread_set_num_threads", "MKL_Set_Num_Threads", "BLASSetThreading"];
  for (const name of ["openblas_set_num_threads", openBlasOf64, ...others]) assertEquals(told(name), [1]);
});

Deno.test("an OpenBLAS that takes the processor for an old one is named, with what helps", () => {
  const remarks = cores.map((_, i) => {
    const functions = { cblas_sgemm: plain, openblas_get_corename: () => BigInt(i) };
    return openBlas({ open: () => library(functions) }).remarks;
  });
  assertEquals(remarks.map(({ length }) => length), [1, 0, 1, 0, 1, 0]);
  const sentence =
    "--backend blas multiplies slowly as this OpenBLAS takes the processor for a Prescott: if it is newer,";
  assert(remarks[0]![0]!.startsWith(sentence));
  assertEquals(imitated.remarks, []); // it does not say
});

Deno.test({
  name: "the machine's OpenBLAS says what processor it has kernels for",
  ignore: own === undefined,
  fn: () => assert(own!.remarks.every((sentence) => /takes the processor for a \w+: /.test(sentence))),
});

const absent = (): Library => {
  throw new Error("Could not open library: Could not open library: no such file");
};

Deno.test("the first library that multiplies is taken, and where there is none a sentence says what to install", () => {
  const tried: string[] = [];
  const open = (path: string): Library => {
    tried.push(path);
    return tried.length < 3 ? absent() : tried.length < 4 ? library({}) : library({ cblas_sgemm: plain }, path);
  };
  if (Deno.build.os === "linux") assertEquals(openBlas({ open }).path, tried[3]);
  assertThrows(() => openBlas({ open: absent }), Error, "apt install libopenblas0-pthread");
});

/** Libraries that have the function and another idea of it. */
const foreign: readonly (readonly [what: string, sgemm: Sgemm, got: string])[] = [
  ["writes nothing", () => {}, "NaN NaN NaN NaN"],
  [
    "counts columns first",
    (_, formA, formB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc) =>
      plain(101, formB, formA, n, m, k, alpha, b, ldb, a, lda, beta, c, ldc),
    "23 34 31 46",
  ],
  [
    "takes other integers",
    (order, formA, formB, m, _n, ...rest) => plain(order, formA, formB, m, 1, ...rest),
    "19 NaN 43 NaN",
  ],
];

for (const [what, sgemm, got] of foreign) {
  Deno.test(`a library that ${what} is refused by a product that is known`, () => {
    const open = (): Library => library({ cblas_sgemm: sgemm });
    const sentence =
      `Cannot use libx.so as a BLAS as its product of [1 2; 3 4] and [5 6; 7 8] must be 19 22 43 50: it is`;
    assertThrows(() => openBlas({ path: "libx.so", open }), Error, `${sentence} ${got}`);
    assertThrows(() => openBlas({ open }), Error, "none was found");
  });
}

Deno.test("a library that is named and is none, or has no product, is refused in a sentence", () => {
  assertThrows(
    () => openBlas({ path: "libx.so", open: absent }),
    Error,
    "Cannot use libx.so as a BLAS as it cannot be opened: no such file",
  );
  assertThrows(
    () => openBlas({ path: "libx.so", open: () => library({}) }),
    Error,
    "Cannot use libx.so as a BLAS as it has no function cblas_sgemm: install one (apt install libopenblas0-pthread",
  );
});

Deno.test("openKernels() refuses a library for another backend", async () => {
  const sentence = "Cannot open kernels as a library is for backends blas and onednn alone: current backend is wasm";
  await assertRejects(() => openKernels({ library: "libopenblas.so.0" }), RangeError, sentence);
});

const mayCall = (await Deno.permissions.query({ name: "ffi" })).state === "granted";

Deno.test({
  name: "without the permission a sentence names the flag, nothing is asked, and the provider stays",
  ignore: mayCall,
  fn: async () => {
    const sentence = "Cannot use backend blas as calling a library is not permitted: run again with --allow-ffi";
    await assertRejects(() => openKernels({ backend: "blas" }), Error, sentence);
    await assertRejects(() => openKernels({ backend: "blas", library: "/a/b.so" }), Error, `${sentence}=/a/b.so`);
    assertEquals(kernels("f32").name, "wasm");
  },
});

Deno.test({
  name: "files that are no library, no BLAS or not there are refused by the system's own words",
  ignore: !mayCall || Deno.build.os !== "linux",
  fn: () => {
    const refused = (path: string, why: string): unknown =>
      assertThrows(() => openBlas({ path }), Error, `Cannot use ${path} as a BLAS as it ${why}`);
    const here = new URL(import.meta.url).pathname;
    refused(here, `cannot be opened: ${here}: `);
    refused("/nowhere/libopenblas.so.0", "cannot be opened: /nowhere/libopenblas.so.0: cannot open");
    refused("libm.so.6", "has no function cblas_sgemm: install one");
  },
});

Deno.test({
  name: "the machine's BLAS is chosen by openKernels() for f32, promises no bits, and gives way to wasm again",
  ignore: own === undefined,
  fn: async () => {
    await openKernels({ backend: "blas" });
    const { name, batchError } = kernels("f32");
    assertEquals([name, batchError, kernels("f64").name], ["blas", 1e-4, "reference"]);
    assertStrictEquals(kernels("f32"), kernels("f32"));
    assertEquals([rowsAtOnce("f32"), rowsAtOnce("f64")], [256, 128]);
    await openKernels({ backend: "wasm" });
    assertEquals(rowsAtOnce("f32"), 128);
    assertEquals([kernels("f32").name, kernels("f32").batchError], ["wasm", 0]);
  },
});
