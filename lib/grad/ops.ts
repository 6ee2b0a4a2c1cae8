/**
 * Elementwise and reducing primitives: each a forward with its vjp beside it.
 *
 * Two arguments have one shape, or one of them is a single element that stands for all.
 */
import { kernels } from "../kernels/provider.ts";
import type { BinaryOp, UnaryOp } from "../kernels/kernels.ts";
import { alias, build, floats, showShape, size, type Tensor, tensor } from "../tensor/tensor.ts";
import { derive } from "./primitive.ts";

function map(op: UnaryOp, x: Tensor): Tensor {
  return build(x.dtype, x.shape, (out) => kernels(x.dtype).map(op, floats(x), out));
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((extent, i) => extent === b[i]);

function zip(op: BinaryOp, a: Tensor, b: Tensor): Tensor {
  const fits = sameShape(a.shape, b.shape) || size(a.shape) === 1 || size(b.shape) === 1;
  if (!fits || a.dtype !== b.dtype) {
    throw new TypeError(
      `Cannot ${op} tensors as shape and dtype must agree: ` +
        `${a.dtype} ${showShape(a.shape)} and ${b.dtype} ${showShape(b.shape)}`,
    );
  }
  const shape = size(a.shape) === 1 ? b.shape : a.shape;
  return build(a.dtype, shape, (out) => kernels(a.dtype).zip(op, floats(a), floats(b), out));
}

/** The gradient of an argument that may have stood for all elements: summed back to its shape. */
function summedTo(x: Tensor, g: Tensor): Tensor {
  return size(x.shape) === size(g.shape) ? alias(g, x.shape) : alias(total(g), x.shape);
}

function total(x: Tensor): Tensor {
  const all = Int32Array.of(0, size(x.shape));
  return build(x.dtype, [], (out) => kernels(x.dtype).segmentSum(floats(x), all, out));
}

/** c·x for a plain number c. */
export function scale(x: Tensor, c: number): Tensor {
  const out = build(x.dtype, x.shape, (o) => o.set(floats(x).map((v) => c * v)));
  return derive(out, [x], (g) => [scale(g, c)]);
}

/** x + c for a plain number c. */
export function shift(x: Tensor, c: number): Tensor {
  const out = build(x.dtype, x.shape, (o) => o.set(floats(x).map((v) => v + c)));
  return derive(out, [x], (g) => [g]);
}

/** −x. */
export function neg(x: Tensor): Tensor {
  return derive(map("neg", x), [x], (g) => [map("neg", g)]);
}

/** eˣ. */
export function exp(x: Tensor): Tensor {
  const out = map("exp", x);
  return derive(out, [x], (g) => [zip("mul", g, out)]);
}

/** ln x. */
export function log(x: Tensor): Tensor {
  return derive(map("log", x), [x], (g) => [zip("div", g, x)]);
}

/** x². */
export function square(x: Tensor): Tensor {
  return derive(map("square", x), [x], (g) => [scale(zip("mul", g, x), 2)]);
}

/** σ(x) = 1 / (1 + e⁻ˣ). */
export function sigmoid(x: Tensor): Tensor {
  const out = map("sigmoid", x);
  return derive(out, [x], (g) => [zip("mul", g, zip("mul", out, map("sigmoid", map("neg", x))))]);
}

/** log σ(x) = −log(1 + e⁻ˣ), finite wherever the mathematics is; its derivative is σ(−x). */
export function logSigmoid(x: Tensor): Tensor {
  return derive(map("logSigmoid", x), [x], (g) => [zip("mul", g, map("sigmoid", map("neg", x)))]);
}

/** a + b. */
export function add(a: Tensor, b: Tensor): Tensor {
  return derive(zip("add", a, b), [a, b], (g) => [summedTo(a, g), summedTo(b, g)]);
}

/** a − b. */
export function sub(a: Tensor, b: Tensor): Tensor {
  return derive(zip("sub", a, b), [a, b], (g) => [summedTo(a, g), summedTo(b, map("neg", g))]);
}

/** a·b, element by element. */
export function mul(a: Tensor, b: Tensor): Tensor {
  return derive(zip("mul", a, b), [a, b], (g) => [summedTo(a, zip("mul", g, b)), summedTo(b, zip("mul", g, a))]);
}

/** a / b, element by element. */
export function div(a: Tensor, b: Tensor): Tensor {
  const out = zip("div", a, b);
  return derive(out, [a, b], (g) => {
    const da = zip("div", g, b);
    return [summedTo(a, da), summedTo(b, map("neg", zip("mul", da, out)))];
  });
}

/** The larger or the smaller of two; where they are equal, the first is taken and the gradient is its. */
function select(op: "max" | "min", a: Tensor, b: Tensor): Tensor {
  const out = zip(op, a, b);
  const first = (i: number): boolean => floats(out)[i] === floats(a)[size(a.shape) === 1 ? 0 : i];
  const gradient = (g: Tensor, of: Tensor, isTaken: (i: number) => boolean): Tensor =>
    summedTo(of, build(g.dtype, g.shape, (d) => d.set(floats(g).map((x, i) => isTaken(i) ? x : 0))));
  return derive(out, [a, b], (g, [needA, needB]) => [
    needA ? gradient(g, a, first) : undefined,
    needB ? gradient(g, b, (i) => !first(i)) : undefined,
  ]);
}

/** max(a, b), element by element; where both are equal, the gradient is the first one's. */
export function max(a: Tensor, b: Tensor): Tensor {
  return select("max", a, b);
}

/** min(a, b), element by element; where both are equal, the gradient is the first one's. */
export function min(a: Tensor, b: Tensor): Tensor {
  return select("min", a, b);
}

/**
 * x where it is in [low, high], else the nearer end; outside the gradient is zero, at an end it still flows.
 *
 * @throws {RangeError} unless low ≤ high
 */
export function clamp(x: Tensor, low: number, high: number): Tensor {
  if (!(low <= high)) throw new RangeError(`Cannot clamp as low must be ≤ high: current values are ${low} and ${high}`);
  const number = (c: number): Tensor => tensor(x.shape.map(() => 1), [c], x.dtype);
  return min(max(x, number(low)), number(high));
}

/** Σ x over all elements: a scalar. */
export function sum(x: Tensor): Tensor {
  return derive(total(x), [x], (g) => [build(x.dtype, x.shape, (out) => out.fill(floats(g)[0] as number))]);
}

/**
 * Sums of consecutive stretches: out[s] = Σ x[i] for offsets[s] ≤ i < offsets[s+1].
 *
 * @param x `[N]`
 * @param offsets `[S+1]`, from 0 to N, not decreasing
 * @throws {RangeError} if the offsets do not cover x
 * @example
 * ```ts
 * import { segmentSum, tensor } from "@logratio/logratio";
 * segmentSum(tensor([3], [-1, -2, -6]), Int32Array.of(0, 2, 3)); // [-3, -6]
 * ```
 */
export function segmentSum(x: Tensor, offsets: Int32Array): Tensor {
  const falls = offsets.findIndex((o, i) => i === 0 ? o !== 0 : o < (offsets[i - 1] as number));
  if (falls >= 0 || offsets.at(-1) !== size(x.shape)) {
    const at = falls >= 0 ? falls : offsets.length - 1;
    throw new RangeError(
      `Cannot sum segments as the offsets must rise from 0 to ${size(x.shape)}: offsets[${at}] is ${offsets[at]}`,
    );
  }
  const out = build(x.dtype, [offsets.length - 1], (o) => kernels(x.dtype).segmentSum(floats(x), offsets, o));
  return derive(out, [x], (g) => {
    const spread = (o: { fill(value: number, start: number, end: number): unknown }): void =>
      offsets.forEach((end, s) => s > 0 && o.fill(floats(g)[s - 1] as number, offsets[s - 1] as number, end));
    return [build(x.dtype, x.shape, spread)];
  });
}

/** The same numbers under another shape of the same size. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return derive(alias(x, shape), [x], (g) => [alias(g, x.shape)]);
}

/**
 * The same numbers as a constant: no gradient flows through. Called by the one who knows.
 *
 * @example
 * ```ts
 * import { mul, stopGradient, sum, type Tensor, tensor, valueAndGrad } from "@logratio/logratio";
 * const f = (p: { x: Tensor }) => ({ loss: { sum: sum(mul(p.x, stopGradient(p.x))), count: 1 }, metrics: {} });
 * const { grads } = valueAndGrad(f)({ x: tensor([], [3]) }); // grads.x is 3, not 6
 * ```
 */
export function stopGradient(x: Tensor): Tensor {
  return alias(x);
}
