import { assertEquals, assertLess } from "@std/assert";
import { chosenLogProbs } from "../../lib/grad/layers.ts";
import { chunkRows, logits } from "../../lib/grad/logits.ts";
import { sum } from "../../lib/grad/ops.ts";
import { type Loss, valueAndGrad } from "../../lib/grad/value_and_grad.ts";
import { kernels, rowsAtOnce } from "../../lib/kernels/provider.ts";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { fold, key, normal } from "../../lib/tensor/random.ts";
import { scope } from "../../lib/tensor/scope.ts";
import { floats, type Tensor, tensor } from "../../lib/tensor/tensor.ts";

const MiB = 2 ** 20;

/** Hidden states, a head and targets of a size. */
function problem(rows: number, vocab: number): { readonly params: Record<"h" | "w", Tensor>; targets: Int32Array } {
  const matrix = (name: string, n: number): Tensor => tensor([n, 4], normal(fold(key(1), name), n * 4));
  return {
    params: { h: matrix("h", rows), w: matrix("w", vocab) },
    targets: Int32Array.from({ length: rows }, (_, i) => (7 * i) % vocab),
  };
}

/** The most bytes that chosen log-probabilities and their gradients take, without the gradients themselves. */
function peak(rows: number, vocab: number): number {
  const { params, targets } = problem(rows, vocab);
  let held = 0;
  const loss = ({ h, w }: typeof params): Loss => {
    const before = memoryUse().bytes;
    const logps = chosenLogProbs(h, w, targets);
    held = memoryUse().bytes - before;
    return { loss: { sum: sum(logps), count: 1 }, metrics: {} };
  };
  valueAndGrad(loss)(params);
  return held + 4 * chunkRows(rows, vocab, rowsAtOnce("f32")) * vocab; // what is kept, and the chunk that passes
}

Deno.test("chosenLogProbs() holds at most 128 MiB of logits, whatever rows and vocabulary are", () => {
  peak(300, 1000); // the workspace of products is taken once, and stays
  assertLess(peak(300, 1000), 10 * MiB); // with slabs of 4
  assertLess(peak(600, 100_000), 140 * MiB); // of 229 MiB of logits
  assertLess(peak(130, 400_000), 140 * MiB); // of 198
});

Deno.test("a chunk has 128 rows, of a vocabulary beyond 131,072 fewer, and never more than there are", () => {
  const rows = [[1000, 512], [1000, 131_072], [1000, 262_144], [1000, 10 ** 8], [5, 512]] as const;
  assertEquals(rows.map(([n, v]) => chunkRows(n, v, rowsAtOnce("f32"))), [128, 128, 64, 4, 5]);
  assertEquals(rows.map(([n, v]) => chunkRows(n, v, 256)), [256, 128, 64, 4, 5]);
});

Deno.test("logits that were kept give the gradients of logits that are made again, bit for bit, and once more", () => {
  const { params: { h, w } } = problem(300, 80_000); // 92 MiB of logits, of which 64 and less are kept
  for (const softcap of [undefined, 2]) {
    const run = (keep: boolean): unknown =>
      scope(() => {
        const { forward, backward } = logits(h, w, { keep, softcap });
        const seen: number[] = [];
        forward((z) => seen.push(z[12_345] as number));
        const gradients = (): unknown =>
          backward((z) => kernels("f32").zip("mul", z, z, z), true).map((g) => floats(g as Tensor).slice());
        return [seen, gradients(), gradients()];
      });
    assertEquals(run(true), run(false));
  }
});

Deno.test("the head's gradient is Σ g·h over the rows of all chunks, and 0 where there are none", () => {
  const { params: { h, w } } = problem(300, 50);
  const [, gradient] = logits(h, w).backward((z, start, end) => {
    z.forEach((_, i) => z[i] = (start + Math.floor(i / 50)) % 2 === i % 50 % 2 ? 1 : 0);
    assertLess(end - start, 129);
  }, true);
  for (let v = 0; v < 50; v++) {
    for (let d = 0; d < 4; d++) {
      let sum = 0;
      for (let row = v % 2; row < 300; row += 2) sum += h.data[4 * row + d] as number;
      assertLess(Math.abs((gradient as Tensor).data[4 * v + d]! - sum), 1e-4, `${v}, ${d}`);
    }
  }
  const none = logits(tensor([0, 4], []), w).backward(() => {}, true)[1] as Tensor;
  assertEquals([...none.data], Array(200).fill(0));
});
