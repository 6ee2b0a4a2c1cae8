import { assertEquals } from "@std/assert";
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import fc from "fast-check";
import { all, inputFailure, left, type Result, right, separate, traverse } from "../lib/result.ts";

const odd = (n: number): Result<readonly string[], number> => n % 2 !== 0 ? right(n) : left([`${n} is even`]);

Deno.test("separate() keeps errors and values apart, each in order", () => {
  assertEquals(separate([left("a"), right(1), right(2), left("b")]), [["a", "b"], [1, 2]]);
  assertEquals(separate([]), [[], []]);
});

Deno.test("traverse() keeps every value in order when all are right", () => {
  assertEquals(traverse([1, 3, 5], odd), right([1, 3, 5]));
  assertEquals(traverse([], odd), right([]));
});

Deno.test("traverse() keeps the errors of every item, not only of the first", () => {
  assertEquals(traverse([1, 2, 3, 4], odd), left(["2 is even", "4 is even"]));
});

Deno.test("traverse() gives exactly the errors of the items that fail, for any list", () => {
  fc.assert(fc.property(fc.array(fc.integer()), (numbers) => {
    const even = numbers.filter((n) => n % 2 === 0);
    assertEquals(traverse(numbers, odd), even.length ? left(even.map((n) => `${n} is even`)) : right(numbers));
  }));
});

Deno.test("all() gives the record of values, typed by field", () => {
  const both = all({ beta: right(0.1), name: right("dpo") });
  assertEquals(both, right({ beta: 0.1, name: "dpo" }));
  if (both._tag === "Right") {
    const beta: number = both.right.beta;
    // @ts-expect-error name is a string
    const name: number = both.right.name;
    assertEquals([beta, name as unknown], [0.1, "dpo"]);
  }
});

Deno.test("all() keeps the errors of every field", () => {
  assertEquals(all({ a: odd(2), b: right("fine"), c: odd(4) }), left(["2 is even", "4 is even"]));
});

Deno.test("a Result is an Either: the functions of @fp-ts/core take it", () => {
  const doubled: Result<readonly string[], number> = pipe(odd(3), E.map((n) => n * 2));
  assertEquals(doubled, right(6));
  assertEquals(E.isLeft(inputFailure("Cannot")), true);
  assertEquals(inputFailure("a", "b"), left({ kind: "input", sentences: ["a", "b"] } as const));
});
