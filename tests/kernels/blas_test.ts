import { assert, assertEquals, assertLess, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { type Blas, blasKernels, type Library, openBlas } from "../../lib/kernels/blas.ts";
import type { Floats, Kernels, Strides } from "../../lib/kernels/kernels.ts";
import { memory } from "../../lib/kernels/memory.ts";
import { defaultThreads, kernels, openKernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { distance, random, shared, uniform } from "./arrays.ts";

type Sgemm = Blas["sgemm"];

/** A CBLAS in TypeScript: the reference behind its calling convention, with its checks of arguments. */
const plain: Sgemm = (...[order, formA, formB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc]) => {
  assertEquals([order, alpha], [101, 1]);
  const matrix = (form: number, at: bigint, ld: bigint, rows: bigint, columns: bigint): [Float32Array, Strides] => {
    assert(form === 111 || form === 112);
    const [lines, length] = form === 111 ? [rows, columns] : [columns, rows];
    assert(ld >= length && ld >= 1n, `${ld} for ${length}`);
    const size = Number((lines - 1n) * ld + length);
    return [new Float32Array(memory.buffer, Number(at), size), form === 111 ? [Number(ld), 1] : [1, Number(ld)]];
  };
  const [left, right] = [matrix(formA, a, lda, m, k), matrix(formB, b, ldb, k, n)];
  const [out, [apart]] = matrix(111, c, ldc, m, n);
  reference.gemm(Number(m), Number(n), Number(k), ...left, ...right, out, apart, beta as 0 | 1);
};

/** A library with these functions and no others. */
const library = (
  functions: Readonly<Record<string, Sgemm>>,
  setters: Readonly<Record<string, (n: bigint) => void>> = {},
): Library => ({ memory: 0n, sgemm: (name) => functions[name] ?? null, setter: (name) => setters[name] ?? null });

const usable = library({ cblas_sgemm: plain });
const imitated = openBlas({ threads: 1, path: "libours.so", open: () => usable });

/** The machine's own, if there is one and it may be called. */
const own = ((): Blas | undefined => {
  try {
    return openBlas({ threads: defaultThreads() });
  } catch {
    return undefined;
  }
})();

const forms = ["NN", "NT", "TN"] as const;
const model = [[256, 128, 128], [256, 344, 128], [256, 128, 344], [64, 512, 128], [1, 512, 128], [3, 7, 300]];

for (const [name, blas] of [["imitated", imitated], ["the machine's", own]] as const) {
  Deno.test({
    name: `products by a BLAS, ${name}, equal the reference's to 1e-5 for NN, NT, TN and the model's shapes`,
    ignore: blas === undefined,
    fn: () => {
      const draw = uniform(1);
      const fast = blasKernels(kernels("f32"), blas!);
      for (const [m = 0, n = 0, k = 0] of blas === own ? model : model.slice(3)) {
        const [a, b, c] = [random(m * k, draw, k ** -0.5), random(k * n, draw), random(m * (n + 2), draw)];
        forms.forEach((form, i) => {
          const aStrides: Strides = form === "TN" ? [1, m] : [k, 1];
          const bStrides: Strides = form === "NT" ? [1, k] : [n, 1];
          const [out, expected] = [shared(c), Float64Array.from(c)];
          const beta = i === 1 ? 1 : 0;
          fast.gemm(m, n, k, a, aStrides, b, bStrides, out, n + 2, beta);
          const exact = [Float64Array.from(a), aStrides, Float64Array.from(b), bStrides] as const;
          reference.gemm(m, n, k, ...exact, expected, n + 2, beta);
          assertLess(distance(out, expected), 1e-5, `${form} ${[m, n, k]}`);
        });
      }
    },
  });
}

Deno.test("what a BLAS has no words for is left to the other kernels, to the same bits", () => {
  const draw = uniform(2);
  const calls: string[] = [];
  const base: Kernels<Floats> = { ...reference, gemm: (...args) => (calls.push("own"), reference.gemm(...args)) };
  const sgemm: Sgemm = (...args) => (calls.push("library"), plain(...args));
  const fast = blasKernels(base, { ...imitated, sgemm });
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
    assertStrictEquals(openBlas({ threads: 1, open: () => library({ [name]: plain }) }).sgemm, plain);
  }
});

Deno.test("a BLAS is told how many threads it may use, by the function it has", () => {
  const told = (setter: string, threads: number): readonly bigint[] => {
    const numbers: bigint[] = [];
    openBlas({ threads, open: () => library({ cblas_sgemm: plain }, { [setter]: (n) => void numbers.push(n) }) });
    return numbers;
  };
  const openBlasOf64 = "scipy_openblas_set_num_threads64_";
  for (const name of ["openblas_set_num_threads", openBlasOf64, "bli_thread_set_num_threads", "MKL_Set_Num_Threads"]) {
    assertEquals(told(name, 3), [3n]);
  }
  assertEquals([told("BLASSetThreading", 1), told("BLASSetThreading", 3)], [[1n], [0n]]);
});

const absent = (): Library => {
  throw new Error("Could not open library: Could not open library: no such file");
};

Deno.test("the first library that multiplies is taken, and where there is none a sentence says what to install", () => {
  const tried: string[] = [];
  const open = (path: string): Library => {
    tried.push(path);
    return tried.length < 3 ? absent() : tried.length < 4 ? library({}) : usable;
  };
  if (Deno.build.os === "linux") assertEquals(openBlas({ threads: 1, open }).path, tried[3]);
  assertThrows(() => openBlas({ threads: 1, open: absent }), Error, "apt install libopenblas0-pthread");
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
    (order, formA, formB, m, _n, ...rest) => plain(order, formA, formB, m, 1n, ...rest),
    "19 NaN 43 NaN",
  ],
];

for (const [what, sgemm, got] of foreign) {
  Deno.test(`a library that ${what} is refused by a product that is known`, () => {
    const open = (): Library => library({ cblas_sgemm: sgemm });
    const sentence =
      `Cannot use libx.so as a BLAS as its product of [1 2; 3 4] and [5 6; 7 8] must be 19 22 43 50: it is`;
    assertThrows(() => openBlas({ threads: 1, path: "libx.so", open }), Error, `${sentence} ${got}`);
    assertThrows(() => openBlas({ threads: 1, open }), Error, "none was found");
  });
}

Deno.test("a library that is named and is none, or has no product, is refused in a sentence", () => {
  assertThrows(
    () => openBlas({ threads: 1, path: "libx.so", open: absent }),
    Error,
    "Cannot use libx.so as a BLAS as it cannot be opened: no such file",
  );
  assertThrows(
    () => openBlas({ threads: 1, path: "libx.so", open: () => library({}) }),
    Error,
    "Cannot use libx.so as a BLAS as it has no function cblas_sgemm: install one (apt install libopenblas0-pthread",
  );
});

Deno.test("openKernels() refuses a library for another backend", async () => {
  const sentence = "Cannot open kernels as a library is for backend blas alone: current backend is wasm";
  await assertRejects(() => openKernels({ blas: "libopenblas.so.0" }), RangeError, sentence);
});

const mayCall = (await Deno.permissions.query({ name: "ffi" })).state === "granted";

Deno.test({
  name: "without the permission a sentence names the flag, nothing is asked, and the provider stays",
  ignore: mayCall,
  fn: async () => {
    const sentence = "Cannot use backend blas as calling a library is not permitted: run again with --allow-ffi";
    await assertRejects(() => openKernels({ backend: "blas" }), Error, sentence);
    await assertRejects(() => openKernels({ backend: "blas", blas: "/a/b.so" }), Error, `${sentence}=/a/b.so`);
    assertEquals(kernels("f32").name, "wasm");
  },
});

Deno.test({
  name: "files that are no library, no BLAS or not there are refused by the system's own words",
  ignore: !mayCall || Deno.build.os !== "linux",
  fn: () => {
    const refused = (path: string, why: string): unknown =>
      assertThrows(() => openBlas({ path, threads: 1 }), Error, `Cannot use ${path} as a BLAS as it ${why}`);
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
    const { name, batchInvariant } = kernels("f32");
    assertEquals([name, batchInvariant, kernels("f64").name], ["blas", false, "reference"]);
    assertStrictEquals(kernels("f32"), kernels("f32"));
    await openKernels({ backend: "wasm" });
    assertEquals([kernels("f32").name, kernels("f32").batchInvariant], ["wasm", true]);
  },
});
