/** oneDNN in TypeScript, as far as it is called: objects behind numbers, and the reference behind its calling convention. */
import { assert, assertEquals } from "@std/assert";
import type { Library, Native } from "../../lib/kernels/library.ts";
import { buffer } from "../../lib/kernels/address_space.ts";
import { reference } from "../../lib/kernels/reference.ts";

/** A float's bfloat16: the upper half of its bits, to nearest, ties to even. */
export function bfloat16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer)[0]!;
  const [lower, upper] = [bits & 0xffff, bits >>> 16];
  const up = lower > 0x8000 || (lower === 0x8000 && upper % 2 === 1);
  return new Float32Array(Uint32Array.of((upper + (up ? 1 : 0)) << 16).buffer)[0]!;
}

/** What the numbers stand for. */
interface Thing {
  dims: readonly number[];
  strides: readonly number[];
  isRounded: boolean;
  description: Thing;
  at: number;
  mayRound: boolean;
  sums: boolean;
  factors: readonly Thing[];
  out: Thing;
}

const WORKSPACE = 64;

/** A library on a processor of the instruction sets `isa`, and how many of its objects live. */
export function imitation(isa: number): { readonly library: Library; readonly live: () => number } {
  const things = new Map<bigint, Partial<Thing>>();
  const arrays: BigUint64Array[] = [];
  let last = 0n;
  const add = (out: unknown, thing: Partial<Thing>): number => {
    things.set(++last, thing);
    (out as BigUint64Array)[0] = last;
    return 0;
  };
  const get = (handle: unknown): Thing => {
    assert(things.has(handle as bigint), `${handle} is no object that lives`);
    return things.get(handle as bigint) as Thing;
  };
  const destroy = (handle: unknown): number => things.delete(handle as bigint) ? 0 : 2;
  /** A matrix's elements in rows; factors are rounded where they are or may be. */
  const read = (
    { description: { dims: [rows, columns], strides: [row, column], isRounded }, at }: Thing,
    rounds: boolean,
  ) =>
    Float64Array.from({ length: rows! * columns! }, (_, i) => {
      const place = Math.floor(i / columns!) * row! + i % columns! * column!;
      const words = isRounded ? new Uint16Array(buffer(), at) : undefined;
      if (words) return new Float32Array(Uint32Array.of(words[place]! << 16).buffer)[0]!;
      const x = new Float32Array(buffer(), at)[place]!;
      return rounds ? bfloat16(x) : x;
    });
  const functions: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
    omp_set_num_threads: (n) => assertEquals(n, 1),
    dnnl_get_effective_cpu_isa: () => isa,
    dnnl_engine_create: (out, kind) => kind === 1 ? add(out, {}) : 3,
    dnnl_stream_create: (out) => add(out, {}),
    dnnl_memory_desc_create_with_strides: (out, count, dims, type, strides) => {
      assertEquals(count, 2);
      const numbers = (of: unknown): readonly number[] => Array.from(of as BigInt64Array, Number);
      return add(out, { dims: numbers(dims), strides: numbers(strides), isRounded: type === 2 });
    },
    dnnl_memory_desc_destroy: destroy,
    dnnl_memory_desc_get_size: () => BigInt(WORKSPACE),
    dnnl_memory_create: (out, description) => add(out, { description: get(description), at: 0 }),
    dnnl_memory_set_data_handle: (handle, at) => {
      get(handle).at = Number(at);
      return 0;
    },
    dnnl_memory_destroy: destroy,
    dnnl_primitive_attr_create: (out) => add(out, {}),
    dnnl_primitive_attr_set_fpmath_mode: (attributes, mode) => {
      get(attributes).mayRound = mode === 1 && (isa & 0x200) !== 0;
      return 0;
    },
    dnnl_primitive_attr_set_scratchpad_mode: (_, mode) => mode === 1 ? 0 : 3,
    dnnl_primitive_attr_set_post_ops: (attributes, after) => {
      get(attributes).sums = get(after).sums;
      return 0;
    },
    dnnl_primitive_attr_destroy: destroy,
    dnnl_post_ops_create: (out) => add(out, {}),
    dnnl_post_ops_append_sum: (after, scale, zero, type) => {
      assertEquals([scale, zero, type], [1, 0, 0]);
      get(after).sums = true;
      return 0;
    },
    dnnl_post_ops_destroy: destroy,
    dnnl_matmul_primitive_desc_create: (made, _, a, b, bias, c, attributes) => {
      assertEquals(bias, 0n);
      const { mayRound = false, sums = false } = get(attributes);
      return add(made, { factors: [get(a), get(b)], out: get(c), mayRound, sums });
    },
    dnnl_primitive_desc_query_md: (description, what) => what === 136 ? description : 0n,
    dnnl_primitive_desc_destroy: destroy,
    dnnl_primitive_create: (out, description) => add(out, { ...get(description) }),
    dnnl_primitive_destroy: destroy,
    dnnl_primitive_execute: (primitive, stream, count, argsAt) => {
      const { mayRound, sums } = get(primitive);
      get(stream);
      const args = arrays[Number(argsAt)]!;
      assertEquals([args.length / 2, args[0], args[2], args[4], args[6]], [count, 1n, 33n, 17n, 80n]);
      const [a, b, c] = [1, 3, 5].map((i) => get(args[i])) as [Thing, Thing, Thing];
      assert(get(args[7]).at > 0); // a workspace of its own
      const [m, k] = a.description.dims as [number, number];
      const [n, row] = [b.description.dims[1]!, c.description.strides[0]!];
      const out = new Float32Array(buffer(), c.at, (m - 1) * row + n), beta = sums ? 1 : 0;
      reference.gemm(m, n, k, read(a, mayRound), [k, 1], read(b, mayRound), [n, 1], out, row, beta);
      return 0;
    },
  };
  const library: Library = {
    path: "libdnnl.so.3",
    memory: 0,
    addressOf: (array) => BigInt(arrays.push(array) - 1),
    textAt: () => "",
    find: (name) => functions[name] as Native | undefined ?? null,
    isShared: false,
  };
  return { library, live: () => things.size };
}
