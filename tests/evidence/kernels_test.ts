/** The README's block on the kernels says what its evidence file says. */
import { assert, assertEquals, assertLess } from "@std/assert";
import type { Row } from "../bench/contest.ts";
import measured from "./kernels.json" with { type: "json" };
import { type KernelEvidence, kernelsBlock } from "./kernels_block.ts";

const row = (work: string, medians: Readonly<Record<string, number>>): Row => ({
  ...{ work, unit: "", rounds: 9 },
  figures: Object.entries(medians).map(([name, median]) => ({ name, median, lower: 0, upper: 0 })),
});

const evidence: KernelEvidence = {
  ...{ command: "c", cpu: "P", cores: 2, deno: "2", load: [0.2, 0, 0], loadAfter: [1.9, 0, 0] },
  peak: [row("peak", { "1 thread": 48.2, "2 threads": 96.1 })],
  shares: ["NN", "NT"].flatMap((form, i) => [
    row(`[8×8]·[8×8] ${form}`, { "1 thread": 0.9 - i / 10, "2 threads": 0.85 }),
    row(`[8×9]·[9×8] ${form}`, { "1 thread": 0.7, "2 threads": 0.6 + i / 10 }),
  ]),
  compared: [
    row("[8×8]·[8×8] NN", { reference: 9, "tfjs-wasm": 4, "jax-js": 1, "wasm 1": 6 }),
    row("[8×8]·[8×8] NT", { reference: 9, "tfjs-wasm": 1, "jax-js": 2, "wasm 1": 8 }),
    row("[512×512]·[512×512] NN", { reference: 9, "tfjs-wasm": 8, "jax-js": 8, "wasm 1": 9 }),
    row("[512×512]·[512×512] NT", { reference: 9, "tfjs-wasm": 2, "jax-js": 8, "wasm 1": 14 }),
  ],
  start: [row("start", { importing: 80.4, emitting: 30.2 })],
};

Deno.test("the block of the kernels holds each share, the smallest lead over other packages, and the start", () => {
  const block = kernelsBlock(evidence);
  const lines = block.split("\n").filter((line) => line.startsWith("|"));
  assertEquals(lines[0], "| of the peak: NN, NT | 1 thread | 2 threads |");
  assertEquals(lines.slice(2), [
    "| [8×8]·[8×8] | 90 %, 80 % | 85 %, 85 % |",
    "| [8×9]·[9×8] | 70 %, 70 % | 60 %, 70 % |",
  ]);
  assert(block.includes("48 GFLOP/s on 1 thread and 96 GFLOP/s on 2 threads"));
  assert(block.includes("load 0 before and 2 after"));
  assert(block.includes("up to 64³ are at least 1.5× as fast as by tfjs-wasm or jax-js"), block);
  assert(block.includes("transposed ones of up to 512³ at least 7.0× as by tfjs-wasm"), block);
  assert(block.includes("takes 80 ms, emitting and compiling all kernels 30 ms"));
});

Deno.test("products reach 70 % of the peak, small ones lead every package, and transposed ones tfjs-wasm by 5 times", () => {
  for (const threads of ["1 thread", "2 threads"]) {
    const shares = measured.shares.map(({ figures }) => figures.find(({ name }) => name === threads)!.median);
    assertLess(0.7, shares.toSorted((a, b) => a - b)[shares.length >> 1]!, threads);
  }
  for (const { work, figures } of measured.compared) {
    const of = (name: string): number => figures.find((figure) => figure.name === name)!.median;
    const isSmall = Number(/\d+/.exec(work)![0]) <= 64;
    if (isSmall) assertLess(Math.max(of("tfjs-wasm"), of("jax-js")), of("wasm 1"), work);
    if (!work.endsWith("NN")) assertLess(5 * of("tfjs-wasm"), of("wasm 1"), work);
  }
});
