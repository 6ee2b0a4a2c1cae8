/** Every kernel in wasm has the same bits on any number of threads. */
import { assertEquals } from "@std/assert";
import type { AttentionShape, Floats, Kernels, Strides } from "../../lib/kernels/kernels.ts";
import { wasmKernels } from "../../lib/kernels/wasm/kernels.ts";
import { detectTarget } from "../../lib/kernels/wasm/module.ts";
import { random, shared, uniform } from "./arrays.ts";

const target = detectTarget()!;
const zeros = (n: number): Float32Array => shared(new Float32Array(n));

/** What a kernel writes, given as bits: a `Float32Array` would call −0 and 0, and all NaNs, equal or not by rules. */
type Bits = readonly Uint32Array[];
const bits = (arrays: readonly Float32Array[]): Bits => arrays.map((x) => new Uint32Array(x.slice().buffer));

type Kernel = (kernels: Kernels<Floats>) => readonly Float32Array[];

function products(): readonly Kernel[] {
  const draw = uniform(1);
  const sizes = [[301, 203, 300], [40, 1100, 70], [3, 1203, 515], [64, 72, 2600], [130, 9, 2100], [1, 4099, 300], [
    61,
    515,
    516,
  ]];
  return sizes.flatMap(([m = 0, n = 0, k = 0]) => {
    const [a, b, c] = [random(m * k, draw), random(k * n, draw), random(m * n, draw)];
    const forms: readonly (readonly [Strides, Strides])[] = [[[k, 1], [n, 1]], [[k, 1], [1, k]], [[1, m], [n, 1]]];
    return forms.map(([aStrides, bStrides], i): Kernel => (kernels) => {
      const out = shared(c);
      kernels.gemm(m, n, k, a, aStrides, b, bStrides, out, n, i === 1 ? 1 : 0);
      return [out];
    });
  });
}

/** Products of some rows by matrices of several widths at once, as they lie or in panels. */
function linears(inPanels: boolean): readonly Kernel[] {
  const draw = uniform(7), [k, outers] = [516, [576, 192, 200]] as const;
  const weights = outers.map((outer) => random(outer * k, draw));
  return [1, 2, 16, 90].map((rows): Kernel => {
    const x = random(rows * k, draw);
    return (kernels) => {
      const panelsOf = (weight: Float32Array, outer: number): Float32Array => {
        const panels = zeros(weight.length);
        kernels.panels!(weight, outer, k, panels);
        return panels;
      };
      const layers = outers.map((outer, i) => ({
        weight: weights[i]!,
        panels: inPanels ? panelsOf(weights[i]!, outer) : undefined,
        outer,
        y: zeros(rows * outer),
        beta: 0 as const,
      }));
      kernels.linears(rows, k, x, layers);
      return layers.map(({ y }) => y);
    };
  });
}

/** Segments of `lengths` in a batch: the first of each `group` is a prompt that the others see. */
function grouped(lengths: readonly number[], group: number): Int32Array {
  let [start, prompt] = [0, 0];
  return Int32Array.from(lengths.flatMap((length, i) => {
    if (i % group === 0) prompt = start;
    const prefix = i % group === 0 ? [0, 0] : [prompt, prompt + lengths[i - (i % group)]!];
    const segment = [start, start + length, ...prefix, start, 0];
    start += length;
    return segment;
  }));
}

function attention(segments: Int32Array, shape: AttentionShape): readonly Kernel[] {
  const draw = uniform(2);
  const [rows, { heads, kvHeads, headDim }] = [segments.at(-5)!, shape];
  const [q, k, v] = [heads, kvHeads, kvHeads].map((n) => random(rows * n * headDim, draw)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const g = random(q.length, draw);
  return [(kernels) => {
    const [out, lse, dq, dk, dv] = [zeros(q.length), zeros(rows * heads), zeros(q.length), shared(k), shared(v)];
    kernels.attention(q, k, v, segments, out, lse, shape);
    kernels.attentionBackward(q, k, v, out, lse, g, segments, dq, dk, dv, shape);
    return [out, lse, dq, dk, dv];
  }];
}

function attentions(): readonly Kernel[] {
  const shape = { heads: 4, kvHeads: 2, headDim: 32, scale: 0.2 };
  const lengths = Array.from({ length: 48 }, (_, i) => 5 + (i * 7) % 20);
  return [
    ...attention(grouped(lengths, 3), shape),
    ...attention(grouped(lengths, 48), shape),
    ...attention(grouped([300], 1), { ...shape, headDim: 20 }),
    ...attention(grouped(lengths, 3), { ...shape, window: 7, softcap: 1.5 }),
    ...attention(grouped([300], 1), { ...shape, window: 130, softcap: 30 }),
  ];
}

function rows(): readonly Kernel[] {
  const draw = uniform(3);
  const [count, dim, half] = [1031, 130, 13];
  const [x, g, w] = [random(count * dim, draw), random(count * dim, draw), random(dim, draw)];
  const ids = Int32Array.from({ length: count }, (_, i) => i * 37 % dim);
  const [cos, sin] = [random(dim * half, draw), random(dim * half, draw)];
  return [
    (kernels) => {
      const [out, dx, dw] = [zeros(x.length), zeros(x.length), zeros(dim)];
      kernels.rmsNorm(x, w, out, dim, 1e-5);
      kernels.rmsNormBackward(x, w, g, dx, dw, dim, 1e-5);
      return [out, dx, dw];
    },
    (kernels) => {
      const [out, dx, dw, db] = [zeros(x.length), zeros(x.length), zeros(dim), zeros(dim)];
      kernels.layerNorm(x, w, w, out, dim, 1e-5);
      kernels.layerNormBackward(x, w, g, dx, dw, db, dim, 1e-5);
      return [out, dx, dw, db];
    },
    (kernels) => {
      const out = zeros(x.length);
      kernels.rotary(x, ids, cos, sin, out, 1, dim, 1, 2 * half);
      return [out];
    },
    (kernels) => {
      const [out, table, gathered] = [zeros(x.length), shared(x), zeros(x.length)];
      kernels.rotary(x, ids, cos, sin, out, dim / half / 2, 2 * half, -1);
      kernels.scatterAddRows(g, ids, table, dim);
      kernels.gatherRows(table, ids, gathered, dim);
      return [out, table, gathered];
    },
    (kernels) => {
      const [logits, logps, lse] = [shared(x), zeros(count), zeros(count)];
      kernels.logProbRows(logits, ids, logps, lse, dim);
      kernels.logProbRowsBackward(logits, ids, lse, g.subarray(0, count), dim);
      return [logits, logps, lse];
    },
    (kernels) => {
      const [drawn, p] = [new Int32Array(count), new Float64Array(count)];
      const u = Float64Array.from({ length: count }, (_, i) => i / count);
      kernels.drawRows(x, ids, u, 0.5, drawn, p, dim);
      return [Float32Array.from(drawn), new Float32Array(p.buffer)];
    },
  ];
}

function elementwise(): readonly Kernel[] {
  const draw = uniform(4);
  const n = 160_003;
  const [x, y, z] = [random(n, draw, 3), random(n, draw), random(n, draw)];
  const outputs = (write: (kernels: Kernels<Floats>, out: readonly [Float32Array, Float32Array]) => void): Kernel =>
  (
    kernels,
  ) => {
    const out = [zeros(n), zeros(n)] as const;
    write(kernels, out);
    return out;
  };
  const numbers = { rate: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, correction1: 0.1, correction2: 0.01 };
  return [
    ...(["neg", "exp", "log", "square", "sigmoid", "relu", "logSigmoid"] as const).map((op) =>
      outputs((kernels, [out]) => kernels.map(op, x, out))
    ),
    ...(["add", "sub", "mul", "div", "max", "min"] as const).map((op) =>
      outputs((kernels, [out, other]) => {
        kernels.zip(op, x, y, out);
        kernels.zip(op, x, y.subarray(5, 6), other);
        kernels.zip(op, x.subarray(5, 6), other, other);
      })
    ),
    outputs((kernels, [out]) => kernels.axpy(0.3, x, y, out)),
    outputs((kernels, [out]) => kernels.siluGate(x, y, out)),
    outputs((kernels, [out, other]) => kernels.siluGateBackward(x, y, z, out, other)),
    ...(["none", "tanh"] as const).flatMap((form) => [
      outputs((kernels, [out, other]) => {
        kernels.gelu(x, out, form);
        kernels.geluBackward(x, z, other, form);
      }),
      outputs((kernels, [out]) => kernels.geluGate(x, y, out, form)),
      outputs((kernels, [out, other]) => kernels.geluGateBackward(x, y, z, out, other, form)),
    ]),
    outputs((kernels, [out, other]) => {
      kernels.softcap(x, out, 1.5);
      kernels.softcapBackward(out, z, other, 1.5);
    }),
    (kernels) => {
      const sum = kernels.sumOfSquares([x, x.subarray(0, 5), ...Array(8).fill(y), z]);
      return [new Float32Array(Float64Array.of(sum).buffer)];
    },
    (kernels) => {
      return (["g", "p"] as const).flatMap((into) => {
        const params = [x, y, z].map((g, i) => {
          return { g: shared(g), m: shared(y), v: shared(z.map(Math.abs)), p: shared(x), decay: 0.1 * i };
        });
        kernels.adamw(params, { ...numbers, factor: 0.7, into });
        return params.flatMap(({ g, m, v, p }) => [g, m, v, p]);
      });
    },
  ];
}

const all: readonly (readonly [name: string, kernels: () => readonly Kernel[]])[] = [
  ["products", products],
  ["products of the same rows", () => linears(false)],
  ["products of the same rows by panels", () => linears(true)],
  ["attention", attentions],
  ["kernels of rows", rows],
  ["elementwise kernels", elementwise],
];
for (const [name, make] of all) {
  Deno.test(`${name} have the same bits on 1, 2 and 4 threads`, () => {
    const list = make();
    const one = wasmKernels(target);
    const expected = list.map((kernel) => bits(kernel(one)));
    for (const threads of [2, 4]) {
      const kernels = wasmKernels(target, { threads, reluctance: 0 });
      list.forEach((kernel, i) => assertEquals(bits(kernel(kernels)), expected[i], `${name} ${i}, ${threads} threads`));
      kernels.close();
    }
  });
}
