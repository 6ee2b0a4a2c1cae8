/**
 * An assembler as functions: instructions are named as in WebAssembly's text format and typed, so that TypeScript
 * refuses what the engine would refuse. An expression is a `Value`, a statement is `Code`, a body is a list of
 * statements.
 */

import { type Code, type Func, signed, type Type, unsigned } from "./encode.ts";

/** An expression: code that leaves one value of type `T`. */
export interface Value<T extends Type> {
  readonly type: T;
  readonly code: Code;
}

/** A local variable: used as a value it is read. */
export interface Local<T extends Type> extends Value<T> {
  /** The statement that assigns to it. */
  readonly set: (to: Value<T>) => Code;
}

/** An address or a size in bytes; a plain number is a constant. */
export type Address = Value<"address"> | number;

/** Four floats or four 32-bit integers. */
export type Vector = Value<"v128">;

/** Makes a new local in the function being written. */
export type NewLocal = <T extends Type>(type: T) => Local<T>;

/** A list of `N`. */
type List<A, N extends number, Made extends A[] = []> = Made["length"] extends N ? Made : List<A, N, [...Made, A]>;

/** So many new locals of one type: `const [row, column] = locals(local, "address", 2)`. */
export function locals<T extends Type, const N extends number>(local: NewLocal, type: T, n: N): List<Local<T>, N> {
  return Array.from({ length: n }, () => local(type)) as List<Local<T>, N>;
}

const value = <T extends Type>(type: T, ...code: Code): Value<T> => ({ type, code });

type Op1<A extends Type, R extends Type> = (a: Value<A>) => Value<R>;
type Op2<A extends Type, R extends Type> = (a: Value<A>, b: Value<A>) => Value<R>;

const op1 = <R extends Type>(to: R, ...opcode: Code) => <A extends Type>(a: Value<A>): Value<R> =>
  value(to, a.code, opcode);
const op2 = <A extends Type, R extends Type>(to: R, ...opcode: Code): Op2<A, R> => (a, b) =>
  value(to, a.code, b.code, opcode);

// ── addresses ──

const addressCode = (a: Address): Code =>
  typeof a === "number" ? [(target) => [target.address === "i32" ? 0x41 : 0x42], signed(a)] : a.code;

const addressOp = <R extends Type>(to: R, i32: number, i64: number) => (a: Address, b: Address): Value<R> =>
  value(to, addressCode(a), addressCode(b), (target) => [target.address === "i32" ? i32 : i64]);

/** Arithmetic on addresses and sizes, unsigned. */
export const address = {
  of: (a: Address): Value<"address"> => value("address", addressCode(a)),
  add: addressOp("address", 0x6a, 0x7c),
  sub: addressOp("address", 0x6b, 0x7d),
  mul: addressOp("address", 0x6c, 0x7e),
  div: addressOp("address", 0x6e, 0x80),
  and: addressOp("address", 0x71, 0x83),
  shl: addressOp("address", 0x74, 0x86),
  eq: addressOp("i32", 0x46, 0x51),
  lt: addressOp("i32", 0x49, 0x54),
  ge: addressOp("i32", 0x4f, 0x5a),
  /** The unsigned 32-bit integer in memory, as an address. */
  load32: (at: Address, offset = 0): Value<"address"> =>
    value("address", memory([0x28], at, offset), (target) => target.address === "i32" ? [] : [0xad]),
  /** Stores the low 32 bits of an address. */
  store32: (at: Address, x: Address): Code => [
    addressCode(at),
    addressCode(x),
    (target) => [target.address === "i32" ? 0x36 : 0x3e],
    [0, 0],
  ],
};

const memory = (opcode: Code, at: Address, offset: number): Code => [addressCode(at), opcode, 0, unsigned(offset)];

// ── scalars ──

const bytesOf = (x: ArrayBufferView<ArrayBuffer>): number[] => [...new Uint8Array(x.buffer)];

/** 32-bit floats. */
export const f32 = {
  of: (x: number): Value<"f32"> => value("f32", 0x43, bytesOf(Float32Array.of(x))),
  load: (at: Address, offset = 0): Value<"f32"> => value("f32", memory([0x2a], at, offset)),
  store: (at: Address, x: Value<"f32">, offset = 0): Code => [addressCode(at), x.code, 0x38, 0, unsigned(offset)],
  lt: op2<"f32", "i32">("i32", 0x5d),
  sqrt: op1("f32", 0x91),
  add: op2<"f32", "f32">("f32", 0x92),
  sub: op2<"f32", "f32">("f32", 0x93),
  mul: op2<"f32", "f32">("f32", 0x94),
  div: op2<"f32", "f32">("f32", 0x95),
};

/** 64-bit floats, for long sums. */
export const f64 = {
  of: (x: number): Value<"f64"> => value("f64", 0x44, bytesOf(Float64Array.of(x))),
  load: (at: Address, offset = 0): Value<"f64"> => value("f64", memory([0x2b], at, offset)),
  store: (at: Address, x: Value<"f64">, offset = 0): Code => [addressCode(at), x.code, 0x39, 0, unsigned(offset)],
  eq: op2<"f64", "i32">("i32", 0x61),
  lt: op2<"f64", "i32">("i32", 0x63),
  add: op2<"f64", "f64">("f64", 0xa0),
  div: op2<"f64", "f64">("f64", 0xa3),
};

// ── vectors ──

const simd = (opcode: number): Code => [0xfd, unsigned(opcode)];
const vector1 = (opcode: number): Op1<"v128", "v128"> => op1("v128", simd(opcode));
const vector2 = (opcode: number): Op2<"v128", "v128"> => op2("v128", simd(opcode));
const load = (opcode: number): (at: Address, offset?: number) => Vector => {
  const bytes = simd(opcode);
  return (at, offset = 0) => value("v128", memory(bytes, at, offset));
};
const store = (opcode: number): (at: Address, x: Vector, offset?: number) => Code => {
  const bytes = simd(opcode);
  return (at, x, offset = 0) => [addressCode(at), x.code, bytes, 0, unsigned(offset)];
};
const shift = (opcode: number) => (a: Vector, bits: number): Vector =>
  value("v128", a.code, 0x41, signed(bits), simd(opcode));

type Op3 = (a: Vector, b: Vector, c: Vector) => Vector;
/** An instruction of engines with relaxed SIMD, and what stands for it in others. */
const fused = (opcode: number, otherwise: Op3): Op3 => {
  const bytes = simd(opcode);
  return (a, b, c) => value("v128", ({ fma }) => fma ? [a.code, b.code, c.code, bytes] : otherwise(a, b, c).code);
};

/** Vectors as 128 bits: memory, logic, lanes. */
export const v128 = {
  load: load(0),
  /** One float in all four lanes. */
  load32Splat: load(9),
  /** One float in lane 0, zeros elsewhere. */
  load32Zero: load(92),
  /** Two floats in lanes 0 and 1, zeros elsewhere. */
  load64Zero: load(93),
  /** Four unsigned integers of 16 bits, widened to 32. */
  load16x4: load(4),
  store: store(11),
  /** Stores one of the four lanes. */
  store32Lane: (lane: number, at: Address, x: Vector, offset = 0): Code => [store(90)(at, x, offset), lane],
  /** Stores lanes 0 and 1. */
  store64: (at: Address, x: Vector, offset = 0): Code => [store(91)(at, x, offset), 0],
  and: vector2(78),
  or: vector2(80),
  /** Bits of `a` where the mask is 1, of `b` where it is 0. */
  select: (a: Vector, b: Vector, mask: Vector): Vector => value("v128", a.code, b.code, mask.code, simd(82)),
  /** One lane in all four. */
  broadcast: (lane: number, x: Vector): Vector => v128.shuffle(x, x, [lane, lane, lane, lane]),
  /** Four lanes of the eight of `a` and `b`, by number. */
  shuffle: (a: Vector, b: Vector, lanes: readonly [number, number, number, number]): Vector =>
    value("v128", a.code, b.code, simd(13), lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte))),
};

/** Vectors of four floats. */
export const f32x4 = {
  of: (x: number): Vector => i32x4.of(new Int32Array(Float32Array.of(x).buffer)[0]!),
  splat: (x: Value<"f32">): Vector => value("v128", x.code, simd(19)),
  lane: (lane: number, x: Vector): Value<"f32"> => value("f32", x.code, simd(31), lane),
  eq: vector2(65),
  lt: vector2(67),
  neg: vector1(225),
  sqrt: vector1(227),
  add: vector2(228),
  sub: vector2(229),
  mul: vector2(230),
  div: vector2(231),
  min: vector2(232),
  max: vector2(233),
  /** b < a ? b : a, one instruction; NaN in `a` stays. */
  pmin: vector2(234),
  /** a < b ? b : a, one instruction; NaN in `a` stays. */
  pmax: vector2(235),
  convert: vector1(250),
  /** a·b + c, rounded once where the engine has it. */
  madd: fused(261, (a, b, c): Vector => f32x4.add(f32x4.mul(a, b), c)),
  /** c − a·b, rounded once where the engine has it. */
  nmadd: fused(262, (a, b, c): Vector => f32x4.sub(c, f32x4.mul(a, b))),
};

/** Makes a vector once, as a series has the same constants wherever it is used. */
function remembered(make: (x: number) => Vector): (x: number) => Vector {
  const made = new Map<number, Vector>();
  return (x) => {
    const vector = made.get(x) ?? make(x);
    made.set(x, vector);
    return vector;
  };
}

/** Vectors of four 32-bit integers. */
export const i32x4 = {
  of: remembered((x: number): Vector => i32x4.lanes(x, x, x, x)),
  lanes: (...x: readonly [number, number, number, number]): Vector =>
    value("v128", { constant: bytesOf(Int32Array.of(...x)) }),
  shl: shift(171),
  shr: shift(172),
  add: vector2(174),
  sub: vector2(177),
  /** The lanes of `a` and `b` as eight 16-bit integers. */
  narrow: vector2(133),
};

/** Vectors of two 64-bit floats. */
export const f64x2 = {
  of: (x: number): Vector => value("v128", { constant: bytesOf(Float64Array.of(x, x)) }),
  splat: (x: Value<"f64">): Vector => value("v128", x.code, simd(20)),
  lt: vector2(73),
  floor: vector1(117),
  trunc: vector1(122),
  sub: vector2(241),
  div: vector2(243),
  /** a < b ? b : a; NaN in `a` stays. */
  pmax: vector2(247),
  lane: (lane: number, x: Vector): Value<"f64"> => value("f64", x.code, simd(33), lane),
  promote: vector1(95),
  add: vector2(240),
  mul: vector2(242),
  /** a·b + c, rounded once where the engine has it. */
  madd: fused(263, (a, b, c): Vector => f64x2.add(f64x2.mul(a, b), c)),
  /** c − a·b, rounded once where the engine has it. */
  nmadd: fused(264, (a, b, c): Vector => f64x2.sub(c, f64x2.mul(a, b))),
};

/** Vectors of two 64-bit integers. */
export const i64x2 = {
  of: (x: bigint): Vector => value("v128", { constant: bytesOf(BigInt64Array.of(x, x)) }),
  shl: shift(203),
  add: vector2(206),
};

// ── control ──

const VOID = 0x40;

/** Runs `body` for i = from, from + by, … while i < to. */
export function loop(i: Local<"address">, from: Address, to: Address, by: Address, body: Code): Code {
  return [
    i.set(address.of(from)),
    when(address.lt(i, to), [
      [0x03, VOID, body, i.set(address.add(i, by)), address.lt(i, to).code, 0x0d, 0, 0x0b],
    ]),
  ];
}

/** Runs `then` if the condition holds, else `otherwise`. */
export function when(condition: Value<"i32">, then: Code, otherwise: Code = []): Code {
  return [condition.code, 0x04, VOID, then, otherwise.length > 0 ? [0x05, otherwise] : [], 0x0b];
}

/** Calls a function of the module for its effect. */
export function call(callee: Func, ...args: readonly (Value<Type> | number)[]): Code {
  return [args.map((arg) => typeof arg === "number" ? addressCode(arg) : arg.code), 0x10, callee];
}

/** Calls a function of the module for its result. */
export function result<T extends Type>(type: T, callee: Func, ...args: readonly (Value<Type> | number)[]): Value<T> {
  return { type, code: call(callee, ...args) };
}

type Params<P extends Readonly<Record<string, Type>>> = { readonly [K in keyof P]: Local<P[K]> };

/**
 * A function: `write` gets its parameters by name and a maker of locals, and returns the statements. It is called when
 * the function is encoded, as a program that only imports the kernels should not wait for them.
 */
export function func<const P extends Readonly<Record<string, Type>>>(
  name: string,
  params: P,
  write: (params: Params<P>, local: NewLocal) => Code,
  results: readonly Type[] = [],
): Func {
  const count = Object.keys(params).length;
  const written = (): ReturnType<Func["write"]> => {
    const types: Type[] = [];
    const local: NewLocal = (type) => {
      const index = unsigned(types.push(type) - 1);
      return { type, code: [0x20, index], set: (to) => [to.code, 0x21, index] };
    };
    const entries = Object.entries(params).map(([key, type]) => [key, local(type)]);
    const body = write(Object.fromEntries(entries), local);
    return { locals: types.slice(count), body };
  };
  return { name, params: Object.values(params), results, write: written };
}
