/** oneDNN's functions, and a product of fixed sizes made of them: a primitive, and the arguments it is executed with. */

import type { Layout, Library, Native, Signature } from "./library.ts";

/** Written to, or read from, while the call lasts. */
const bytes = "buffer";
/** An object of the library, or an address. */
const object = "u64";

/** The functions in use with their arguments. Each returns a status, but for the two that say what they give. */
const FUNCTIONS = {
  dnnl_get_effective_cpu_isa: [],
  dnnl_engine_create: [bytes, "i32", "u64"],
  dnnl_stream_create: [bytes, object, "u32"],
  dnnl_memory_desc_create_with_strides: [bytes, "i32", bytes, "i32", bytes],
  dnnl_memory_desc_destroy: [object],
  dnnl_memory_desc_get_size: [object],
  dnnl_memory_create: [bytes, object, object, object],
  dnnl_memory_set_data_handle: [object, object],
  dnnl_memory_destroy: [object],
  dnnl_primitive_attr_create: [bytes],
  dnnl_primitive_attr_set_fpmath_mode: [object, "i32"],
  dnnl_primitive_attr_set_scratchpad_mode: [object, "i32"],
  dnnl_primitive_attr_set_post_ops: [object, object],
  dnnl_primitive_attr_destroy: [object],
  dnnl_post_ops_create: [bytes],
  dnnl_post_ops_append_sum: [object, "f32", "i32", "i32"],
  dnnl_post_ops_destroy: [object],
  dnnl_matmul_primitive_desc_create: [bytes, object, object, object, object, object, object],
  dnnl_primitive_desc_query_md: [object, "i32", "i32"],
  dnnl_primitive_desc_destroy: [object],
  dnnl_primitive_create: [bytes, object],
  dnnl_primitive_destroy: [object],
} as const satisfies Readonly<Record<string, Signature["parameters"]>>;
const GIVES_64 = ["dnnl_memory_desc_get_size", "dnnl_primitive_desc_query_md"];

type Name = keyof typeof FUNCTIONS;

/** The library's functions by name, its processor and a stream of work on it. */
export interface Dnnl {
  readonly call: (name: Name, ...args: Parameters<Native>) => void;
  /** Makes an object. */
  readonly make: (name: Name, ...args: Parameters<Native>) => bigint;
  /** What a function gives. */
  readonly ask: (name: Name, ...args: Parameters<Native>) => number | bigint;
  readonly engine: bigint;
  readonly stream: bigint;
  readonly addressOf: Library["addressOf"];
}

const CPU = 1, IN_ORDER = 1;
const F32 = 3, BF16 = 2;
const ARGUMENT = { left: 1n, right: 33n, out: 17n, scratch: 80n };
const ALLOW_BF16 = 1, USER_SCRATCHPAD = 1, SCRATCHPAD_OF = 136;

/** The functions of a library; the name of the first it lacks where it is not complete. */
export function openDnnl(library: Library): Dnnl | string {
  const found = new Map<string, Native>();
  for (const [name, parameters] of Object.entries(FUNCTIONS)) {
    const f = library.find(name, { parameters, result: GIVES_64.includes(name) ? "u64" : "i32" });
    if (f === null) return name;
    found.set(name, f);
  }
  const ask = (name: Name, ...args: Parameters<Native>): number | bigint => found.get(name)!(...args);
  const call = (name: Name, ...args: Parameters<Native>): void => {
    const status = ask(name, ...args);
    if (status !== 0) throw new Error(`Cannot multiply by oneDNN as ${name} ended with status ${status}`);
  };
  const make = (name: Name, ...args: Parameters<Native>): bigint => {
    const object = new BigUint64Array(1);
    call(name, object, ...args);
    return object[0]!;
  };
  const engine = make("dnnl_engine_create", CPU, 0n);
  return {
    ask,
    call,
    make,
    engine,
    addressOf: library.addressOf,
    stream: make("dnnl_stream_create", engine, IN_ORDER),
  };
}

/** What A and B are: floats, floats that the library may round, or bfloat16 already. */
export type Factors = "exact" | "toRound" | "rounded";

/** C `[m, n]` ← A `[m, k]` · B `[k, n]` + beta·C. */
export interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly left: Layout;
  readonly right: Layout;
  /** Between the rows of C. */
  readonly ldc: number;
  readonly beta: 0 | 1;
  readonly factors: Factors;
}

/** A part of a product: the arguments of its primitive, and what they stand for. */
export interface Part {
  readonly primitive: bigint;
  readonly args: BigUint64Array;
  /** Where they are. */
  readonly argsAt: bigint;
  /** Bytes of workspace. */
  readonly scratch: number;
  /** Tells where A, B, C and the workspace are. */
  readonly place: (...addresses: readonly number[]) => void;
  readonly close: () => void;
}

/** Makes a part ready. */
export function makePart({ call, make, ask, engine, addressOf }: Dnnl, sizes: Sizes): Part {
  const { m, n, k, left, right, ldc, beta, factors } = sizes;
  const type = factors === "rounded" ? BF16 : F32;
  const describe = (rows: number, columns: number, { isTransposed, apart }: Layout, type: number): bigint =>
    make(
      "dnnl_memory_desc_create_with_strides",
      ...[2, BigInt64Array.of(BigInt(rows), BigInt(columns)), type],
      BigInt64Array.from(isTransposed ? [1n, BigInt(apart)] : [BigInt(apart), 1n]),
    );
  const [a, b] = [describe(m, k, left, type), describe(k, n, right, type)];
  const c = describe(m, n, { isTransposed: false, apart: ldc }, F32);
  const [attributes, after] = [make("dnnl_primitive_attr_create"), make("dnnl_post_ops_create")];
  if (factors === "toRound") call("dnnl_primitive_attr_set_fpmath_mode", attributes, ALLOW_BF16);
  call("dnnl_primitive_attr_set_scratchpad_mode", attributes, USER_SCRATCHPAD);
  if (beta === 1) {
    call("dnnl_post_ops_append_sum", after, 1, 0, 0);
    call("dnnl_primitive_attr_set_post_ops", attributes, after);
  }
  const described = make("dnnl_matmul_primitive_desc_create", engine, a, b, 0n, c, attributes);
  const primitive = make("dnnl_primitive_create", described);
  const workspace = ask("dnnl_primitive_desc_query_md", described, SCRATCHPAD_OF, 0);
  const scratch = Number(ask("dnnl_memory_desc_get_size", workspace));
  const memories = [a, b, c, ...scratch > 0 ? [workspace] : []]
    .map((description) => make("dnnl_memory_create", description, engine, 0n));
  const args = BigUint64Array.from(
    [ARGUMENT.left, ARGUMENT.right, ARGUMENT.out, ARGUMENT.scratch]
      .flatMap((argument, i) => memories[i] === undefined ? [] : [argument, memories[i]]),
  );
  for (const description of [a, b, c]) call("dnnl_memory_desc_destroy", description);
  call("dnnl_primitive_desc_destroy", described);
  call("dnnl_primitive_attr_destroy", attributes);
  call("dnnl_post_ops_destroy", after);
  return {
    ...{ primitive, args, argsAt: addressOf(args), scratch },
    place: (...addresses) =>
      memories.forEach((memory, i) => call("dnnl_memory_set_data_handle", memory, BigInt(addresses[i]!))),
    close: () => {
      for (const memory of memories) call("dnnl_memory_destroy", memory);
      call("dnnl_primitive_destroy", primitive);
    },
  };
}
