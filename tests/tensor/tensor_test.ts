import { assert, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { memoryUse } from "../../lib/kernels/memory.ts";
import { scope } from "../../lib/tensor/scope.ts";
import {
  alias,
  consume,
  consumeAll,
  copy,
  dispose,
  floats,
  item,
  type Tensor,
  tensor,
  zeros,
} from "../../lib/tensor/tensor.ts";
import { leaves, treeMap } from "../../lib/tensor/tree.ts";

const plusOne = (t: Tensor): Tensor => tensor(t.shape, Array.from(t.data, (x) => x + 1), t.dtype);

Deno.test("a tensor is frozen, keeps a copy of its values and refuses a wrong number of them", () => {
  const values = [1, 2, 3, 4];
  const t = tensor([2, 2], values);
  values[0] = 9;
  assert(Object.isFrozen(t) && Object.isFrozen(t.shape));
  assertEquals([...t.data], [1, 2, 3, 4]);
  assertThrows(() => tensor([2, 3], values), RangeError, "shape [2, 3] as it needs 6 values: 4 were given");
});

Deno.test("scope() keeps what it returns, frees the rest, and a freed tensor throws", () => {
  let inner: Tensor | undefined;
  const kept = scope(() => {
    inner = tensor([2], [1, 2]);
    return { sum: plusOne(inner), note: "kept", count: 2 };
  });
  assertEquals([...kept.sum.data], [2, 3]);
  assertEquals([kept.note, kept.count], ["kept", 2]);
  assertThrows(() => inner?.data, TypeError, "its scope has ended");
});

Deno.test("scope() moves a result out of nested scopes and frees when its body throws", () => {
  const before = memoryUse().bytes;
  const t = scope(() => scope(() => plusOne(tensor([1], [41]))));
  assertEquals(item(t), 42);
  assertThrows(() =>
    scope(() => {
      zeros("f32", [1000]);
      throw new RangeError("no");
    }), RangeError);
  dispose(t);
  assertEquals(memoryUse().bytes, before);
});

Deno.test("a large result leaves its scopes without a copy, though an alias of it is copied; both end with their owners", () => {
  const before = memoryUse().bytes;
  let address = 0;
  const [kept, twin] = scope(() =>
    scope(() => {
      const large = zeros("f32", [1_000_000]);
      address = floats(large).byteOffset;
      const filled = consume(large, (out) => out.fill(7));
      return [filled, alias(filled, [1000, 1000])] as const;
    })
  );
  assertEquals(floats(kept).byteOffset, address);
  assertNotEquals(floats(twin).byteOffset, address);
  assertEquals([kept.data[999_999], twin.data[0], memoryUse().bytes], [7, 7, before + 8_000_000]);
  [kept, twin].forEach(dispose);
  assertEquals(memoryUse().bytes, before);
});

Deno.test("scope() refuses an asynchronous body", () => {
  assertThrows(() => scope(() => Promise.resolve(1)), TypeError, "must be synchronous");
});

Deno.test("a thousand steps that consume their state hold memory flat", () => {
  let state = { w: zeros("f32", [5000]), n: 0 };
  const step = (s: typeof state): typeof state =>
    scope(() => {
      const update = plusOne(zeros("f32", [5000]));
      const w = consume(s.w, (out) => out.forEach((x, i) => out[i] = x + (floats(update)[i] as number)));
      return { w, n: s.n + 1 };
    });
  state = step(state);
  const before = memoryUse().bytes;
  for (let i = 1; i < 1000; i++) state = step(state);
  assertEquals(memoryUse().bytes, before);
  assertEquals([state.n, state.w.data[4999]], [1000, 1000]);
});

Deno.test("consumeAll() refuses two tensors of the same numbers, and then consumes none", () => {
  const [x, y] = [tensor([2], [1, 2]), tensor([2], [3, 4])];
  const write = (): never => {
    throw new Error("it was written");
  };
  assertThrows(() => consumeAll([x, y, alias(x)], write), TypeError, "two of them share their numbers");
  assertEquals([...x.data, ...y.data], [1, 2, 3, 4]);
});

Deno.test("a consumed or disposed tensor throws, its successor does not", () => {
  const old = tensor([2], [1, 2]);
  const fresh = consume(old, (out) => out.set([out[1] as number, out[0] as number]));
  assertThrows(() => old.data, TypeError, "consumed by an update");
  assertEquals([...fresh.data], [2, 1]);
  dispose(fresh);
  assertThrows(() => fresh.data, TypeError);
});

Deno.test("a tensor keeps its numbers while a scope beside it takes 80 MB and gives them back", () => {
  const t = tensor([3], [1, 2, 3], "f64");
  scope(() => zeros("f32", [20_000_000]));
  assertEquals([...t.data], [1, 2, 3]);
  assertLess(80_000_000, memoryUse().highWater);
});

Deno.test("treeMap() maps leaves by path and passes other data through", () => {
  const tree = {
    a: tensor([1], [1]),
    b: [tensor([1], [2]), { c: tensor([1], [3]) }],
    name: "x",
    ids: Int32Array.of(7),
  };
  assertEquals(leaves(tree).map(([path, t]) => [path, item(t)]), [["a", 1], ["b.0", 2], ["b.1.c", 3]]);
  const next = treeMap(plusOne, tree);
  assertEquals(leaves(next).map(([, t]) => item(t)), [2, 3, 4]);
  assertEquals([next.name, next.ids], ["x", Int32Array.of(7)]);
});

Deno.test("treeMap() names the path where two structures differ, in any order of keys", () => {
  const [one, two] = [tensor([1], [1]), tensor([1], [2])];
  const plus = (a: Tensor, b: Tensor): Tensor => tensor(a.shape, [item(a) + item(b)]);
  const swapped = treeMap(plus, { a: one, b: { c: two } }, { b: { c: one }, a: two });
  assertEquals(leaves(swapped).map(([, t]) => item(t)), [3, 3]);
  const other = { a: one, b: { d: two } } as unknown as { a: Tensor; b: { c: Tensor } };
  assertThrows(() => treeMap(plus, { a: one, b: { c: two } }, other), TypeError, "at b there are { c } and { d }");
});

Deno.test("copy() is another tensor with the same bytes", () => {
  const t = tensor([2], [0.1, 0.2], "f64");
  const c = copy(t);
  dispose(t);
  assertEquals([...c.data], [0.1, 0.2]);
});
