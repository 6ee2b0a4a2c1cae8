/** Where the time of a run goes: the kernels of the active provider, timed from outside. */
import type { DecoderConfig } from "../../mod.ts";
import type { Floats, Kernels } from "../../lib/kernels/kernels.ts";
import { kernels } from "../../lib/kernels/provider.ts";

/** The time of one kind of work. */
export interface Share {
  readonly name: string;
  /** Milliseconds. */
  readonly ms: number;
  /** Of the whole time. */
  readonly share: number;
  /** Of products: 10⁹ operations a second. */
  readonly gflops?: number;
}

/** What has been timed so far. */
export interface Profile {
  /** Forgets all. */
  readonly reset: () => void;
  /** The shares of a time in milliseconds, the largest first; what is in no kernel is `beside the kernels`. */
  readonly read: (total: number) => readonly Share[];
}

/** Times every kernel call of the active provider from now on. Products with the vocabulary are the head's. */
export function profile({ vocabSize }: Pick<DecoderConfig, "vocabSize">): Profile {
  const active = kernels("f32") as { -readonly [K in keyof Kernels<Floats>]: Kernels<Floats>[K] };
  const spent = new Map<string, { ms: number; operations: number }>();
  const timed = (name: string, operations: number, work: () => unknown): unknown => {
    const start = performance.now();
    const result = work();
    const sum = spent.get(name) ?? { ms: 0, operations: 0 };
    spent.set(name, { ms: sum.ms + performance.now() - start, operations: sum.operations + operations });
    return result;
  };
  for (const [name, plain] of Object.entries(active)) {
    if (typeof plain !== "function" || name === "close") continue;
    const call = plain as (...args: readonly unknown[]) => unknown;
    const replaced = (...args: readonly unknown[]): unknown => {
      if (name !== "gemm") return timed(name, 0, () => call(...args));
      const [m, n, k] = args as readonly [number, number, number];
      const kind = [m, n, k].includes(vocabSize) ? "gemm, head" : "gemm, layers";
      return timed(kind, 2 * m * n * k, () => call(...args));
    };
    Object.assign(active, { [name]: replaced });
  }
  return {
    reset: () => spent.clear(),
    read: (total) => {
      const rows = [...spent].map(([name, { ms, operations }]) => ({
        ...{ name, ms, share: ms / total },
        ...operations > 0 ? { gflops: operations / ms / 1e6 } : {},
      }));
      const rest = total - rows.reduce((sum, { ms }) => sum + ms, 0);
      return [...rows, { name: "beside the kernels", ms: rest, share: rest / total }].sort((a, b) => b.ms - a.ms);
    },
  };
}

/** Shares as lines of a table. */
export const sharesText = (shares: readonly Share[]): string =>
  shares.map(({ name, ms, share, gflops }) => {
    const speed = gflops === undefined ? "" : `${gflops.toFixed(0)} GFLOP/s`;
    return `  ${name.padEnd(24)}${ms.toFixed(1).padStart(9)} ms${(100 * share).toFixed(1).padStart(7)} %  ${speed}`;
  }).join("\n");
