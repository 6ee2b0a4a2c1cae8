/** Kernels that compute nothing, for dry runs. */
import type { Floats, Kernels } from "./kernels.ts";
import { allocate, withScratch } from "./memory.ts";

/** What a kernel does for the account: like the fast ones it takes scratch memory while it works. */
function idling(scratches: number): number {
  return withScratch(() => {
    allocate(1);
    return scratches > 1 ? idling(scratches - 1) : 0;
  });
}

/** Tokens are drawn as from logits that are all alike, so that completions have some length. */
const drawRows: Kernels<Floats>["drawRows"] = (_logits, _rows, draws, _temperature, ids, probabilities, vocab) => {
  draws.forEach((u, r) => ids[r] = Math.floor(u * vocab));
  probabilities.fill(1 / vocab);
  idling(1);
};

/** Every kernel of the interface, doing nothing; those that return a number return 0. */
export const idle: Kernels<Floats> = new Proxy({ name: "idle", batchError: 0, drawRows } as Kernels<Floats>, {
  get: (target, name) => {
    if (Object.hasOwn(target, name)) return target[name as "name"];
    const scratches = String(name).startsWith("attention") ? 2 : 1; // its rows, and the segments
    return () => idling(scratches);
  },
});
