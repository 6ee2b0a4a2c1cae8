/**
 * WebAssembly's binary format, as far as the kernels need it: functions over one imported shared memory.
 *
 * @see https://webassembly.github.io/spec/core/binary/
 */

/**
 * The types of values. `address` is i32 or, for memories beyond 4 GiB, i64: the target decides, the kernels need not.
 */
export type Type = "address" | "i32" | "f32" | "f64" | "v128";

/** What a module is emitted for. */
export interface Target {
  /** How memory is addressed: `i32` up to 4 GiB, `i64` beyond. */
  readonly address: "i32" | "i64";
  /** Whether the engine has relaxed SIMD, hence a fused multiply-add. */
  readonly fma: boolean;
}

/** A vector that is known when the module is emitted: its 16 bytes. */
export interface Constant {
  readonly constant: readonly number[];
}

/**
 * Instructions: bytes in any nesting; a function stands for its index, a constant for its value, and what depends on the
 * target is a function of it.
 */
export type Code = readonly (number | Func | Constant | Code | ((target: Target) => Code))[];

/** A function of the module: what it takes, what it gives back, what it does. */
export interface Func {
  readonly name: string;
  readonly params: readonly Type[];
  readonly results: readonly Type[];
  /** Its variables beside the parameters, and its statements: made anew, as they are large and needed once. */
  readonly write: () => { readonly locals: readonly Type[]; readonly body: Code };
}

/** An unsigned integer in LEB128: seven bits a byte, the low ones first; the high bit says that more follow. */
export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...unsigned(Math.floor(value / 128))];
}

/** A signed integer in LEB128: the sign is bit 6 of the last byte. */
export function signed(value: number): number[] {
  const low = ((value % 128) + 128) % 128;
  const rest = (value - low) / 128;
  return (rest === 0 && low < 64) || (rest === -1 && low >= 64) ? [low] : [low + 128, ...signed(rest)];
}

const valueTypes = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

type Bytes = readonly number[] | Uint8Array<ArrayBuffer>;

// Whole arrays are copied, not number by number: this is most of the time from start to the first kernel.
function joined(parts: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const vector = (items: readonly Bytes[]): Bytes => joined([unsigned(items.length), ...items]);
const text = (value: string): Bytes => [...unsigned(value.length), ...Array.from(value, (c) => c.charCodeAt(0))];
const sized = (bytes: Bytes): Bytes => joined([unsigned(bytes.length), bytes]);
const section = (id: number, items: readonly Bytes[]): Bytes => joined([[id], sized(vector(items))]);

const isCode = (item: Func | Constant | Code): item is Code => Array.isArray(item);
const isConstant = (item: Func | Constant): item is Constant => "constant" in item;

const V128_CONST = [0xfd, 12], LOCAL_GET = 0x20, LOCAL_SET = 0x21;

/**
 * The constants of a function. One that has any bits stands in a local that is set where the function begins: engines make
 * a vector of several instructions, in a loop anew at every turn, while a local stays in a register or in the cache.
 */
function constants(first: number): {
  readonly read: (constant: Constant) => readonly number[];
  readonly count: () => number;
  readonly set: () => readonly number[];
} {
  const kept = new Map<string, readonly number[]>();
  const places = new Map<Constant, readonly number[]>();
  const placeOf = ({ constant }: Constant): readonly number[] => {
    if (constant.every((byte) => byte === 0)) return [...V128_CONST, ...constant];
    const name = constant.join();
    if (!kept.has(name)) kept.set(name, constant);
    return [LOCAL_GET, ...unsigned(first + [...kept.keys()].indexOf(name))];
  };
  return {
    read: (constant) => {
      const place = places.get(constant) ?? placeOf(constant);
      places.set(constant, place);
      return place;
    },
    count: () => kept.size,
    set: () => [...kept.values()].flatMap((bytes, i) => [...V128_CONST, ...bytes, LOCAL_SET, ...unsigned(first + i)]),
  };
}

/** The memory of a module: its pages, and whether threads share it. */
export interface Memory {
  /** Its size in pages of 64 KiB. */
  readonly pages: number;
  /** Whether threads share it. */
  readonly shared: boolean;
}

/** The module of some functions, exported by name, and all they call, over the memory `env.memory`. */
export function encodeModule(
  exported: readonly Func[],
  target: Target,
  { pages, shared }: Memory,
): Uint8Array<ArrayBuffer> {
  const funcs = [...exported];
  const indices = new Map(funcs.map((func, i) => [func, i]));
  const indexOf = (func: Func): number => indices.get(func) ?? (indices.set(func, funcs.length), funcs.push(func) - 1);
  const flatten = (code: Code, read: (constant: Constant) => readonly number[], out: number[] = []): number[] => {
    for (let i = 0; i < code.length; i++) { // an iterator would take as long as the rest
      const item = code[i]!;
      if (typeof item === "number") out.push(item);
      else if (typeof item === "function") flatten(item(target), read, out);
      else if (isCode(item)) flatten(item, read, out);
      else out.push(...isConstant(item) ? read(item) : unsigned(indexOf(item)));
    }
    return out;
  };
  const byte = (type: Type): number[] => [valueTypes[type === "address" ? target.address : type]];
  const signature = (f: Func): Bytes => joined([[0x60], vector(f.params.map(byte)), vector(f.results.map(byte))]);
  const bodyOf = (f: Func): Bytes => {
    const { locals, body } = f.write();
    const { read, count, set } = constants(f.params.length + locals.length);
    const code = flatten(body, read);
    const all = [...locals, ...Array<Type>(count()).fill("v128")];
    return sized(joined([vector(all.map((type) => [1, ...byte(type)])), set(), code, [0x0b]]));
  };
  const bodies: Bytes[] = [];
  for (const f of funcs) bodies.push(bodyOf(f)); // grows as calls are met
  const limits = 0x01 + (shared ? 0x02 : 0) + (target.address === "i32" ? 0 : 0x04);
  // A maximum that is the size tells engines the size.
  const memory = [...text("env"), ...text("memory"), 0x02, limits, ...unsigned(pages), ...unsigned(pages)];
  return joined([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    section(1, funcs.map(signature)),
    section(2, [memory]),
    section(3, funcs.map((_, i) => unsigned(i))),
    section(7, exported.map((f) => [...text(f.name), 0x00, ...unsigned(indexOf(f))])),
    section(10, bodies),
  ]);
}
