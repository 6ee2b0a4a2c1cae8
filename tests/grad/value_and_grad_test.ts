import { assertEquals, assertLess } from "@std/assert";
import { memoryUse, watchMemory } from "../../lib/kernels/memory.ts";
import {
  accumulateGrads,
  add,
  derive,
  gatherRows,
  linear,
  type Loss,
  mul,
  neg,
  reshape,
  scope,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
} from "../../mod.ts";

const N = 1 << 18; // 1 MiB of 32-bit numbers: a block of its own
const MIB = 2 ** 20;
const ramp = (dtype: "f32" | "f64" = "f32"): Tensor =>
  tensor([N], Float64Array.from({ length: N }, (_, i) => (i % 7) - 3), dtype);

/** The gradient of Σ f(x) by x. */
const gradient = (f: (x: Tensor) => Tensor, x: Tensor): Tensor =>
  valueAndGrad((p: { x: Tensor }) => ({ loss: { sum: sum(f(p.x)), count: 1 }, metrics: {} }))({ x }).grads.x;

Deno.test("the backward walk through 24 layers takes the memory of three gradients, not of 24", () => {
  const x = ramp();
  const deep = (value: Tensor): Tensor => Array.from({ length: 24 }).reduce((y: Tensor) => neg(y), value);
  const peak = scope(() => {
    const before = memoryUse().bytes;
    watchMemory();
    gradient(deep, x);
    return memoryUse().highWater - before;
  });
  assertLess(24 * MIB, peak); // values of the forward pass
  assertLess(peak, (24 + 3) * MIB + 3 * 4 * MIB); // small ones come in slabs of 4 MiB, one a scope
});

Deno.test("gradients that are one memory on their way to two tensors arrive at both", () => {
  const x = ramp("f64");
  // y + y sends g itself twice, reshape() an alias of it; d/dx of (2x)² + 2x·x − (2x + 2x) is 8x + 4x − 4
  const f = (value: Tensor): Tensor => {
    const y = add(value, value), same = reshape(reshape(y, [2, N / 2]), [N]);
    return sub(add(mul(y, same), mul(y, value)), add(same, y));
  };
  assertEquals(gradient(f, x).data.slice(), x.data.slice().map((v) => 12 * v - 4));
});

Deno.test("a primitive may send a value of the forward pass as a gradient: it stays", () => {
  const x = ramp("f64");
  // ½x²; its derivative is x itself, if it is summed alone
  const half = (value: Tensor, kept: Tensor): Tensor =>
    derive(tensor([N], value.data.slice().map((v) => v * v / 2), "f64"), [value], () => [kept]);
  const f = (value: Tensor): Tensor => {
    const y = neg(value);
    return add(square(y), half(y, y)); // dy: 2y + y
  };
  assertEquals(gradient(f, x).data.slice(), x.data.slice().map((v) => 3 * v));
});

Deno.test("gradients of a mean are those of the sum over the count, bit for bit, whether the walk divides or its end", () => {
  const x = tensor([3], [0.1, -0.7, 1.3]);
  const cubed = (p: { x: Tensor }, count: number): Loss => {
    return { loss: { sum: sum(mul(p.x, square(p.x))), count }, metrics: {} };
  };
  const whole = valueAndGrad(cubed)({ x }, 1).grads.x.data;
  for (const count of [2, 3, 64, 0.5, 1000]) {
    const { loss, grads } = valueAndGrad(cubed)({ x }, count);
    assertEquals([...grads.x.data], Array.from(whole, (g) => Math.fround(g / count)), `${count}`);
    assertEquals(loss, valueAndGrad(cubed)({ x }, 1).loss / count);
    const twice = accumulateGrads(cubed)({ x }, [count, count]);
    assertEquals([...twice.grads.x.data], Array.from(whole, (g) => Math.fround(2 * g / (2 * count))), `${count} twice`);
  }
});

/** A table of 16 MiB whose rows are read by number, some again and again, and multiplied by. */
const V = 1 << 18, D = 16;
const table = tensor([V, D], Float64Array.from({ length: V * D }, (_, i) => Math.sin(i)));
const states = tensor([3, D], Float64Array.from({ length: 3 * D }, (_, i) => Math.cos(i)));
const ids = Int32Array.of(7, 900, 7, 3, 7, V - 1, 900);
const weights = tensor([ids.length, D], Float64Array.from({ length: ids.length * D }, (_, i) => Math.cos(i * i)));
const read = (w: Tensor): Tensor => sum(mul(gatherRows(w, ids), weights));
const multiplied = (w: Tensor): Tensor => sum(square(linear(states, w)));
const gradientOf = (f: (w: Tensor) => Tensor): Float32Array =>
  valueAndGrad((p: { w: Tensor }) => ({ loss: { sum: f(p.w), count: 1 }, metrics: {} }))({ w: table }).grads.w.data
    .slice() as Float32Array;

Deno.test("rows read from a table join its gradient bit for bit as a table of them would, whichever comes first", () => {
  const rows = new Float32Array(V * D);
  ids.forEach((id, i) => {
    for (let d = 0; d < D; d++) rows[id * D + d]! += weights.data[i * D + d]!;
  });
  const other = gradientOf(multiplied);
  const differences = (f: (w: Tensor) => Tensor): number =>
    gradientOf(f).reduce((n, g, i) => n + (g === Math.fround(rows[i]! + other[i]!) ? 0 : 1), 0);
  assertEquals(differences((w) => add(read(w), multiplied(w))), 0);
  assertEquals(differences((w) => add(multiplied(w), read(w))), 0);
  assertEquals(gradientOf(read), rows);
});

Deno.test("rows read from a table that is multiplied by take no second table in the walk", () => {
  const peak = (f: (w: Tensor) => Tensor): number =>
    scope(() => {
      const before = memoryUse().bytes;
      watchMemory();
      gradientOf(f);
      return memoryUse().highWater - before;
    });
  const tied = (w: Tensor): Tensor => { // the rows that are read come first, and last in the walk
    const x = gatherRows(w, ids);
    return sum(square(linear(x, w)));
  };
  const linearAlone = (w: Tensor): Tensor => sum(square(linear(weights, w)));
  assertLess(peak(tied), peak(linearAlone) + 8 * MIB);
});
