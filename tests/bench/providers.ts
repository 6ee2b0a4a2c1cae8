/** Contestants of ours: the providers that this machine has. */
import { openKernels } from "../../mod.ts";
import { defaultThreads, type KernelOptions } from "../../lib/kernels/provider.ts";
import type { Contestant } from "./contest.ts";

/** What a provider is called. */
export const nameOf = ({ backend, threads }: KernelOptions): string => `${backend} ${threads}`;

/** One thread, and all where there are more. */
export const threadCounts: readonly number[] = [...new Set([1, defaultThreads()])];

/** Files of libraries that are not found by themselves. */
export type Libraries = Partial<Readonly<Record<"blas" | "onednn", string>>>;

/** Wasm on one thread and on all, the libraries that this machine has, and sentences on those that it has not. */
export async function openProviders(
  libraries: Libraries,
  counts: readonly number[] = threadCounts.slice(-1),
): Promise<{ readonly found: readonly KernelOptions[]; readonly missing: readonly string[] }> {
  const missing: string[] = [];
  const found: KernelOptions[] = threadCounts.map((threads) => ({ backend: "wasm", threads }));
  for (const backend of ["blas", "onednn"] as const) {
    const library = libraries[backend];
    const options = { backend, ...library !== undefined && { library } };
    const remarks = await openKernels(options).then(({ remarks }) => remarks, (error: Error) => error.message);
    if (typeof remarks !== "string") found.push(...counts.map((threads) => ({ ...options, threads })));
    missing.push(...typeof remarks === "string" ? [remarks] : remarks);
  }
  return { found, missing };
}

/** Every provider as a contestant: it is open while it has its turn. */
export const byAll = (
  found: readonly KernelOptions[],
  turn: (by: KernelOptions) => ReturnType<Contestant["turn"]>,
): readonly Contestant[] =>
  found.map((options) => ({
    name: nameOf(options),
    turn: async () => {
      await openKernels(options);
      return turn(options);
    },
  }));
