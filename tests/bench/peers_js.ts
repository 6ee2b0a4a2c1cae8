/**
 * Products by other packages for TypeScript, at their versions of today. They are asked for when they are needed: the
 * library depends on neither.
 */

/** A product of two square matrices, each as stored or transposed: does it `times` times. */
export type Square = (times: number) => Promise<void>;

/** A package that multiplies. */
export interface Peer {
  readonly name: string;
  readonly square: (n: number, transposed: readonly [a: boolean, b: boolean]) => Square;
}

/** A package by name: the compiler shall not look for it. */
const load = (name: string): Promise<unknown> => import(`npm:${name}`);

interface Tensor {
  readonly data: () => Promise<unknown>;
  readonly dispose: () => void;
}

interface TensorFlow {
  readonly setBackend: (name: string) => Promise<boolean>;
  readonly ready: () => Promise<void>;
  readonly randomUniform: (shape: readonly number[]) => Tensor;
  readonly matMul: (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean) => Tensor;
}

async function tensorFlow(): Promise<Peer> {
  const tf = await load("@tensorflow/tfjs-core@4.22.0") as TensorFlow;
  await load("@tensorflow/tfjs-backend-wasm@4.22.0");
  await tf.setBackend("wasm");
  await tf.ready();
  return {
    name: "tfjs-wasm",
    square: (n, [transposeA, transposeB]) => {
      const [a, b] = [tf.randomUniform([n, n]), tf.randomUniform([n, n])];
      return async (times) => {
        for (let i = 0; i < times; i++) {
          const c = tf.matMul(a, b, transposeA, transposeB);
          if (i === times - 1) await c.data();
          c.dispose();
        }
      };
    },
  };
}

interface JaxArray {
  readonly ref: JaxArray;
  readonly data: () => Promise<unknown>;
}

interface Jax {
  readonly init: () => Promise<readonly string[]>;
  readonly defaultDevice: (name: string) => void;
  readonly random: {
    readonly key: (n: number) => JaxArray;
    readonly uniform: (key: JaxArray, shape: number[]) => JaxArray;
  };
  readonly numpy: {
    readonly matmul: (a: JaxArray, b: JaxArray) => JaxArray;
    readonly transpose: (a: JaxArray) => JaxArray;
  };
}

async function jaxJs(): Promise<Peer> {
  const { init, defaultDevice, random, numpy } = await load("@jax-js/jax") as Jax;
  await init();
  defaultDevice("wasm");
  const form = (x: JaxArray, isTransposed: boolean): JaxArray => isTransposed ? numpy.transpose(x.ref) : x.ref;
  return {
    name: "jax-js",
    square: (n, [transposeA, transposeB]) => {
      const [a, b] = [1, 2].map((seed) => random.uniform(random.key(seed), [n, n])) as [JaxArray, JaxArray];
      return async (times) => {
        for (let i = 0; i < times; i++) await numpy.matmul(form(a, transposeA), form(b, transposeB)).data();
      };
    },
  };
}

/** The packages that could be loaded, and a sentence for each that could not. */
export async function openPeers(): Promise<{ readonly peers: readonly Peer[]; readonly missing: readonly string[] }> {
  const [peers, missing]: [Peer[], string[]] = [[], []];
  for (const open of [tensorFlow, jaxJs]) {
    try {
      peers.push(await open());
    } catch (error) {
      missing.push(`Without ${open.name} as it cannot be loaded: ${(error as Error).message}`);
    }
  }
  return { peers, missing };
}
