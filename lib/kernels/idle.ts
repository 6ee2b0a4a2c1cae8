/** Kernels that compute nothing, for dry runs. */
import type { Floats, Kernels } from "./kernels.ts";
import { allocate, withScratch } from "./memory.ts";

/** What a kernel does for the account: like the fast ones it takes scratch memory while it works. */
function idling(): number {
  return withScratch(() => {
    allocate(1);
    return 0;
  });
}

/** Tokens are drawn as from logits that are all alike, so that completions have some length. */
const drawRows: Kernels<Floats>["drawRows"] = (_logits, _rows, draws, _temperature, ids, probabilities, vocab) => {
  draws.forEach((u, r) => ids[r] = Math.floor(u * vocab));
  probabilities.fill(1 / vocab);
  idling();
};

/** The products of linear layers take no scratch memory. */
const linears: Kernels<Floats>["linears"] = () => {};

/** Every kernel of the interface, doing nothing; those that return a number return 0. */
export const idle: Kernels<Floats> = new Proxy({ name: "idle", batchError: 0, drawRows, linears } as Kernels<Floats>, {
  get: (target, name) => Object.hasOwn(target, name) ? target[name as "name"] : idling,
});
