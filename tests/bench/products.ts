/** Products of matrices as works for contestants: every provider, and other packages for TypeScript. */
import type { Floats, Kernels, Strides } from "../../lib/kernels/kernels.ts";
import { type KernelOptions, kernels } from "../../lib/kernels/provider.ts";
import { reference } from "../../lib/kernels/reference.ts";
import { random, shared, uniform } from "../kernels/arrays.ts";
import type { Work } from "./contest.ts";
import type { Peer } from "./peers_js.ts";
import { byAll } from "./providers.ts";

/** A product A·B by its sizes, and whether A and B are stored as they are (N) or transposed (T). */
export interface Product {
  readonly sizes: readonly [m: number, n: number, k: number];
  readonly form: string;
}

/** The forms that a network needs: forward, the gradient of the input, and that of the weights. */
export const forms = ["NN", "NT", "TN"] as const;

/** Its operations. */
export const operationsOf = ({ sizes: [m, n, k] }: Product): number => 2 * m * n * k;

/** What it is called. */
export const titleOf = ({ sizes: [m, n, k], form }: Product): string => `[${m}×${k}]·[${k}×${n}] ${form}`;

/** A product as a call by any provider. */
export function productOf({ sizes: [m, n, k], form }: Product): (by: Kernels<Floats>) => () => void {
  const [a, b, c] = [random(m * k, uniform(1)), random(k * n, uniform(2)), shared(new Float32Array(m * n))];
  const [aStrides, bStrides]: Strides[] = [form[0] === "N" ? [k, 1] : [1, m], form[1] === "N" ? [n, 1] : [1, k]];
  return ({ gemm }) => () => gemm(m, n, k, a, aStrides!, b, bStrides!, c, n, 0);
}

/** Milliseconds that the calls of a turn take together. */
const LONG = 50;

/** Calls a second of some work, which is done more and more often until that takes long enough, and then timed. */
async function rate(work: (times: number) => void | Promise<void>): Promise<number> {
  const timed = async (times: number): Promise<number> => {
    const start = performance.now();
    await work(times);
    return performance.now() - start;
  };
  let times = 1;
  for (let took = await timed(times); took < LONG / 2; took = await timed(times)) {
    times = Math.ceil(times * Math.min(10, LONG / Math.max(took, 0.1)));
  }
  return 1000 * times / await timed(times);
}

/** A product by the reference, by some providers, and where it is of square matrices by other packages. */
export function productWork(product: Product, found: readonly KernelOptions[], peers: readonly Peer[]): Work {
  const { sizes: [m, n, k], form } = product;
  const call = productOf(product);
  const turn = async (work: (times: number) => void | Promise<void>): Promise<readonly number[]> => [
    operationsOf(product) / 1e9 * await rate(work),
  ];
  const repeated = (call: () => void) => (times: number): void => {
    for (let i = 0; i < times; i++) call();
  };
  const others = m === n && n === k ? peers : [];
  return {
    name: titleOf(product),
    unit: "GFLOP/s",
    contestants: [
      { name: "reference", turn: () => turn(repeated(call(reference))) },
      ...others.map(({ name, square }) => {
        const work = square(m, [form[0] === "T", form[1] === "T"]);
        return { name, turn: () => turn(work) };
      }),
      ...byAll(found, () => turn(repeated(call(kernels("f32"))))),
    ],
  };
}
