/**
 * A language model that is a table: a row of logits for every state. Small enough to enumerate, so that the best policy
 * and its worth are known exactly, and whatever is learned can be held to them.
 */
import { chosenLogProbs, gatherRows } from "../../lib/grad/layers.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { moveParams, type Transform } from "../../lib/optim/transform.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { treeMap } from "../../lib/tensor/tree.ts";

/** The parameters: logits of the next token in every state, `[states, V]`. */
export interface Table {
  readonly logits: Tensor;
}

/** Tokens laid end to end, each with the state it is drawn in. */
export interface Completions {
  /** Row of the table, `[T]`. */
  readonly states: Int32Array;
  /** `[T]` */
  readonly tokens: Int32Array;
  /** Completion b holds the tokens offsets[b] … offsets[b+1]−1, `[B+1]`. */
  readonly offsets: Int32Array;
}

/** The table with these rows. */
export function table(rows: readonly (readonly number[])[]): Table {
  return { logits: tensor([rows.length, (rows[0] as readonly number[]).length], rows.flat(), "f64") };
}

/** The head under which a row of hidden numbers is a row of logits: the unit matrix. */
function unit(n: number, dtype: Dtype): Tensor {
  return tensor([n, n], Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) === 0)), dtype);
}

/** log π(token) of every token, `[T]`, by the library's own operations. */
export function tokenLogps({ logits }: Table, { states, tokens }: Omit<Completions, "offsets">): Tensor {
  return chosenLogProbs(gatherRows(logits, states), unit(logits.shape[1] as number, logits.dtype), tokens);
}

/** The completions of these numbers, in this order. */
export function select({ states, tokens, offsets }: Completions, numbers: Int32Array): Completions {
  const places: number[] = [];
  const ends = numbers.map((b) => {
    for (let t = offsets[b] as number; t < (offsets[b + 1] as number); t++) places.push(t);
    return places.length;
  });
  const pick = (x: Int32Array): Int32Array => Int32Array.from(places, (t) => x[t] as number);
  return { states: pick(states), tokens: pick(tokens), offsets: Int32Array.of(0, ...ends) };
}

/** A copy of parameters in a type, to be trained: an optimizer consumes what it is given. */
export function copied<P>(params: P, dtype: Dtype = "f64"): P {
  return treeMap((t) => tensor(t.shape, t.data, dtype), params);
}

/** Parameters and what their optimizer remembers. */
export interface Learner<P, S> {
  readonly params: P;
  readonly state: S;
}

/** A learner that has not learned yet, of parameters that are its own. */
export function learner<P, S>(params: P, optimizer: Transform<S>): Learner<P, S> {
  return { params, state: optimizer.init(params) };
}

/** One step down a loss; consumes the learner. */
export function descend<P, S>(
  { params, state }: Learner<P, S>,
  optimizer: Transform<S>,
  loss: (params: P) => Loss,
): Learner<P, S> {
  return scope(() => {
    const { grads } = valueAndGrad(loss)(params);
    return moveParams(optimizer, grads, { params, state });
  });
}

/** The parameters after so many steps down a loss from a copy of `start`. */
export function descended<P, S>(
  start: P,
  loss: (params: P) => Loss,
  { optimizer, steps }: { readonly optimizer: Transform<S>; readonly steps: number },
): P {
  let learned = learner(copied(start), optimizer);
  for (let step = 0; step < steps; step++) learned = descend(learned, optimizer, loss);
  return learned.params;
}
