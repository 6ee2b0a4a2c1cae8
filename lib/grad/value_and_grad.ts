/** The backward walk: from a scalar to the gradients of its parameters. */
import { kernels } from "../kernels/provider.ts";
import { joinMeans, type Mean, type Means } from "../tensor/mean.ts";
import {
  addressOf,
  alias,
  build,
  consume,
  dispose,
  floats,
  item,
  scalar,
  showShape,
  size,
  type Tensor,
  zeros,
} from "../tensor/tensor.ts";
import { scope } from "../tensor/scope.ts";
import { treeMap } from "../tensor/tree.ts";
import { type Node, nodeOf, type RowGradient, traceLeaf } from "./primitive.ts";

/** What a loss returns: a differentiable sum with its count, divided once, and metrics under the field's names. */
export interface Loss {
  /** The scalar to differentiate, as a sum over `count` terms. */
  readonly loss: Mean<Tensor>;
  /** Figures worth showing, each with its own count. */
  readonly metrics: Means;
}

/** A loss, its gradient by the first argument, and its metrics. `loss` and `grads` are of the mean sum / count. */
export interface Gradient<P> {
  /** sum / count. */
  readonly loss: number;
  /** ∂(sum / count)/∂params, a tree of the structure of the params. */
  readonly grads: P;
  /** Figures worth showing, not divided yet. */
  readonly metrics: Means;
}

/** Tensors that lead to `root`, each after everything it came from. */
function inOrder(root: Tensor): readonly Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  const stack: { readonly t: Tensor; next: number }[] = [{ t: root, next: 0 }];
  seen.add(root);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const parent = nodeOf(top.t)?.parents[top.next++];
    if (parent === undefined) order.push((stack.pop() as typeof top).t);
    else if (nodeOf(parent) !== undefined && !seen.has(parent)) {
      seen.add(parent);
      stack.push({ t: parent, next: 0 });
    }
  }
  return order;
}

/** Sum of two gradients of one shape. */
function plus(a: Tensor, b: Tensor): Tensor {
  return build(a.dtype, a.shape, (out) => kernels(a.dtype).zip("add", floats(a), floats(b), out));
}

/** The same sum in the memory of `a`, which nobody else may hold. */
function addInto(a: Tensor, b: Tensor): Tensor {
  return consume(a, (out) => kernels(a.dtype).zip("add", out, floats(b), out));
}

/** The gradient of a table of this shape, in memory of its own. */
function asTable({ rows, ids }: RowGradient, shape: readonly number[]): Tensor {
  return build(rows.dtype, shape, (out) => {
    out.fill(0);
    kernels(rows.dtype).scatterAddRows(floats(rows), ids, out, rows.shape[1] as number);
  });
}

/** a + `asTable`, bit for bit, in the memory of `a`: rows that have one id are summed first. */
function addRowsInto(a: Tensor, { rows, ids }: RowGradient): Tensor {
  const { scatterAddRows } = kernels(a.dtype), dim = rows.shape[1] as number;
  const places = new Map<number, number>();
  const placeOf = Int32Array.from(ids, (id) => {
    const place = places.get(id) ?? places.size;
    places.set(id, place);
    return place;
  });
  const sums = asTable({ rows, ids: placeOf }, [places.size, dim]);
  const sum = consume(a, (out) => scatterAddRows(floats(sums), Int32Array.from(places.keys()), out, dim));
  dispose(sums);
  return sum;
}

type Contribution = Tensor | RowGradient;

/** What a node sends its parents, and which of it is new memory: the rest are values of the forward pass, or g itself. */
function contributionsOf(
  { parents, vjp }: Node,
  g: Tensor,
): readonly [readonly (Contribution | undefined)[], Set<Tensor>] {
  let inside: readonly (Contribution | undefined)[] = [];
  const sent = scope(() => inside = vjp(g, parents.map((p) => nodeOf(p) !== undefined)));
  const tensorOf = (c?: Contribution): Tensor | undefined => c !== undefined && "ids" in c ? c.rows : c;
  const fresh = sent.map(tensorOf).filter((t, i): t is Tensor => t !== undefined && t !== tensorOf(inside[i]));
  return [sent, new Set(fresh)];
}

/**
 * Gradients by every traced leaf that leads to `root`, from the gradient of root itself. A gradient that the walk made
 * gives its memory back when no tensor waits for it any more, so the walk takes little more than those of the leaves.
 */
export function backward(root: Tensor, gradient: Tensor): ReadonlyMap<Tensor, Tensor> {
  const grads = new Map<Tensor, Tensor>([[root, gradient]]);
  const holders = new Map<number, number>(); // of each gradient that the walk made, by its address
  const hold = (g: Tensor, by: 1 | -1): void => {
    const at = addressOf(g), before = holders.get(at);
    if (before === undefined) return;
    holders.set(at, before + by);
    if (before + by === 0 && holders.delete(at)) dispose(g);
  };
  const made = (g: Tensor): Tensor => {
    holders.set(addressOf(g), 1);
    return g;
  };
  const send = (to: Tensor, contribution: Contribution): void => {
    const before = grads.get(to);
    const alone = before !== undefined && holders.get(addressOf(before)) === 1;
    if (alone && "ids" in contribution) return void grads.set(to, addRowsInto(before, contribution));
    const isRows = "ids" in contribution, g = isRows ? made(asTable(contribution, to.shape)) : contribution;
    if (before === undefined && !isRows) hold(g, 1);
    grads.set(to, before === undefined ? g : alone ? addInto(before, g) : made(plus(before, g)));
    if (before === undefined) return;
    if (isRows) hold(g, -1);
    if (!alone) hold(before, -1);
  };
  for (const t of inOrder(root).toReversed()) {
    const node = nodeOf(t) as Node, g = grads.get(t);
    if (node.parents.length === 0 || g === undefined) continue;
    const [sent, fresh] = contributionsOf(node, g);
    fresh.forEach(made);
    node.parents.forEach((parent, i) => {
      const contribution = sent[i];
      if (nodeOf(parent) !== undefined && contribution !== undefined) send(parent, contribution);
    });
    fresh.forEach((own) => hold(own, -1));
    grads.delete(t);
    hold(g, -1);
  }
  return grads;
}

/** Sums over one batch: Σ loss, its gradient, the count to divide by. */
interface GradientSum<P> {
  readonly sum: number;
  readonly count: number;
  /** Whether the gradient is divided already. */
  readonly divided: boolean;
  readonly grads: P;
  readonly metrics: Means;
}

/** Whether a product with 1/x is the quotient by x, to the last bit. */
const isPowerOfTwo = (x: number): boolean => x >= 1 && Number.isInteger(Math.log2(x)) && 2 ** Math.log2(x) === x;

/**
 * The sums over one batch. Where there is no other, and dividing is exact, the walk begins with 1/count: that saves a pass
 * over all gradients, and every bit is the same.
 */
function sumAndGrad<P, R extends readonly unknown[]>(
  f: (params: P, ...rest: R) => Loss,
  params: P,
  { rest, alone }: { readonly rest: R; readonly alone: boolean },
): GradientSum<P> {
  const traced = treeMap((leaf) => traceLeaf(alias(leaf)), params);
  const { loss, metrics } = f(traced, ...rest);
  if (size(loss.sum.shape) !== 1) {
    throw new TypeError(
      `Cannot differentiate a loss as it must be a scalar: its shape is ${showShape(loss.sum.shape)}`,
    );
  }
  if (nodeOf(loss.sum) === undefined) {
    throw new TypeError("Cannot differentiate a loss as it must depend on its params: none of them leads to it");
  }
  if (!(loss.count >= 0)) {
    throw new RangeError(`Cannot average a loss as its count must be ≥ 0: current value is ${loss.count}`);
  }
  const divided = alone && isPowerOfTwo(loss.count);
  const first = divided ? 1 / loss.count : 1;
  const found = backward(loss.sum, build(loss.sum.dtype, loss.sum.shape, (out) => out.fill(first)));
  const grads = treeMap((leaf) => found.get(leaf) ?? zeros(leaf.dtype, leaf.shape), traced);
  return { sum: item(loss.sum), count: loss.count, divided, grads, metrics };
}

function join<P>(a: GradientSum<P>, b: GradientSum<P>): GradientSum<P> {
  return {
    sum: a.sum + b.sum,
    count: a.count + b.count,
    divided: false,
    grads: treeMap(addInto, a.grads, b.grads),
    metrics: joinMeans(a.metrics, b.metrics),
  };
}

/** The sums over the count, in the memory of the sums: nobody else may hold them. */
function mean<P>({ sum, count, divided: isDivided, grads, metrics }: GradientSum<P>): Gradient<P> {
  if (isDivided) return { loss: sum / count, grads, metrics };
  if (count === 0) throw new RangeError("Cannot average a loss as its count must be > 0: current value is 0");
  const divided = new Map<Tensor, Tensor>(); // one tensor may be the gradient of two leaves
  const divide = (g: Tensor): Tensor => {
    const by = floats(scalar(count, g.dtype));
    const done = divided.get(g) ?? consume(g, (out) => kernels(g.dtype).zip("div", out, by, out));
    divided.set(g, done);
    return done;
  };
  return { loss: sum / count, grads: scope(() => treeMap(divide, grads)), metrics };
}

/**
 * From a loss f(params, …rest) to the function (params, …rest) ↦ its mean sum / count, the gradient of that mean by
 * `params` (a tree of their structure) and the metrics.
 *
 * @throws {TypeError} if the loss is no scalar or does not depend on its params
 * @example
 * ```ts
 * import { mul, sum, type Tensor, tensor, valueAndGrad } from "@logratio/logratio";
 * const square = (p: { w: Tensor }) => ({ loss: { sum: sum(mul(p.w, p.w)), count: 2 }, metrics: {} });
 * const { grads } = valueAndGrad(square)({ w: tensor([2], [3, 4]) }); // grads.w is [3, 4]
 * ```
 */
export function valueAndGrad<P, R extends readonly unknown[]>(
  f: (params: P, ...rest: R) => Loss,
): (params: P, ...rest: R) => Gradient<P> {
  return (params, ...rest) => mean(scope(() => sumAndGrad(f, params, { rest, alone: true })));
}

/**
 * Gradient accumulation: the same as `valueAndGrad` on the joined batches, in the memory of one. Sums and counts are
 * added before the one division, so batches of unequal size weigh as their terms do.
 *
 * @throws {RangeError} if there is no batch
 * @example
 * ```ts
 * import { accumulateGrads, mul, size, sum, type Tensor, tensor } from "@logratio/logratio";
 * const meanOf = (x: Tensor) => ({ sum: sum(x), count: size(x.shape) });
 * const loss = ({ w }: { w: Tensor }, x: Tensor) => ({ loss: meanOf(mul(w, x)), metrics: {} });
 * const parts = [tensor([2], [1, 2]), tensor([1], [6])];
 * const { grads } = accumulateGrads(loss)({ w: tensor([], [1]) }, parts); // grads.w is the mean of 1, 2 and 6: 3
 * ```
 */
export function accumulateGrads<P, B>(
  f: (params: P, batch: B) => Loss,
): (params: P, batches: readonly B[]) => Gradient<P> {
  return (params, batches) => {
    if (batches.length === 0) throw new RangeError("Cannot accumulate gradients as there must be at least one batch");
    const [first, ...others] = batches as readonly [B, ...B[]];
    const sumOf = (batch: B): GradientSum<P> => sumAndGrad(f, params, { rest: [batch], alone: others.length === 0 });
    return mean(others.reduce((total, batch) => scope(() => join(total, sumOf(batch))), scope(() => sumOf(first))));
  };
}
