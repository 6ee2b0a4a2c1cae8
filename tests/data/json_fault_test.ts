import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { jsonFault } from "../../lib/data/json_fault.ts";

const parses = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

Deno.test("jsonFault() points at the first character that cannot be", () => {
  const cases: readonly (readonly [string, number])[] = [
    ['{"a": x}', 6],
    ['{"a": 1,}', 8],
    ['{"a" 1}', 5],
    ["[1, 2 3]", 6],
    ['{"a": "b\\q"}', 8],
    ['{"a": "line\nbreak"}', 11],
    ['{"a": 1} tail', 9],
    ['{"a": "cut', 10],
    ['{"a": 1', 7],
    ["", 0],
    ["{'a': 1}", 1],
    ["01", 1],
    ["[1]]", 3],
    ["{]", 1],
    ["[1:2]", 2],
    ["nul", 0],
  ];
  assertEquals(cases.map(([text]) => [text, jsonFault(text)]), cases.map((one) => [...one]));
});

Deno.test("jsonFault() finds a fault exactly where JSON.parse does, on whole, cut and altered JSON", () => {
  const json = fc.json().chain((text) =>
    fc.oneof(
      fc.constant(text),
      fc.nat(text.length).map((end) => text.slice(0, end)),
      fc.tuple(fc.nat(text.length), fc.string({ unit: fc.constantFrom(...'{}[],:"\\ 01-.etrun'), maxLength: 2 }))
        .map(([at, put]) => text.slice(0, at) + put + text.slice(at + 1)),
    )
  );
  fc.assert(fc.property(json, (text) => assertEquals(jsonFault(text) === undefined, parses(text))), { numRuns: 2000 });
  fc.assert(fc.property(fc.string(), (text) => assertEquals(jsonFault(text) === undefined, parses(text))));
});
