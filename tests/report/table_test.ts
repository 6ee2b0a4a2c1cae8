import { assertEquals, assertThrows } from "@std/assert";
import { bar, brief, fixed, interval, percent, shorten, sparkline, table } from "../../lib/report/table.ts";

Deno.test("table() aligns figures to the right and words to the left", () => {
  assertEquals(
    table(["family", "before", "after", "change [95 %]"], [
      ["helpful", percent(0.214), percent(1), interval({ estimate: 0.5, low: 0.25, high: 0.625 })],
      ["über", null, percent(0.05), null],
      ["n", 300, 12, "0.1"],
    ]),
    `
family   before    after         change [95 %]
───────  ──────  ───────  ────────────────────
helpful  21.4 %  100.0 %  0.500 [0.250, 0.625]
über          –    5.0 %                     –
n           300       12                   0.1`.slice(1),
  );
});

Deno.test("table() counts characters, not UTF-16 units, and leaves no space at line ends", () => {
  assertEquals(
    table(["reply", "mood"], [["👍👍", "ok"], ["no", "sad"]]),
    "reply  mood\n─────  ────\n👍👍     ok\nno     sad",
  );
});

Deno.test("table() of no rows is its header", () => assertEquals(table(["a", "b"], []), "a  b\n─  ─"));

Deno.test("table() refuses a row of another length", () => {
  assertThrows(
    () => table(["a", "b"], [["1", "2"], ["3"]]),
    RangeError,
    "Cannot make a table as each row must have 2 cells: row 2 has 1",
  );
});

Deno.test("fixed(), percent() and interval() round, and show what is not known as a dash", () => {
  assertEquals([fixed(0.10449), fixed(-0.0001), fixed(-0.5, 1), fixed(null), fixed(NaN)], [
    "0.104",
    "0.000",
    "-0.5",
    "–",
    "–",
  ]);
  assertEquals([percent(0.4512), percent(0.5, 0), percent(null), percent(NaN)], ["45.1 %", "50 %", "–", "–"]);
  assertEquals(interval({ estimate: 0.62, low: 0.58, high: 0.66 }, percent), "62.0 % [58.0 %, 66.0 %]");
  assertEquals(interval(null), "–");
});

Deno.test("brief() shows at most four digits that count", () => {
  assertEquals(
    [0.69314718, 1234.56, 0, -2, 1.23e-5, 1e7, NaN, -Infinity, 0.001].map(brief),
    ["0.6931", "1235", "0", "-2", "1.2e-5", "1.0e+7", "NaN", "-Infinity", "0.001"],
  );
});

Deno.test("bar() fills a share of its width and never more", () => {
  assertEquals([bar(0.5, 4), bar(0, 2), bar(7, 2), bar(-1, 2), bar(NaN, 2)], ["██░░", "░░", "██", "░░", "░░"]);
});

Deno.test("shorten() puts a text on one line of a given width", () => {
  assertEquals(shorten("a\n  b", 9), "a b");
  assertEquals(shorten("abcdef", 4), "abc…");
  assertEquals(shorten("👍👍👍", 2), "👍…");
});

Deno.test("sparkline() runs from the least to the greatest, and takes means where there is no room", () => {
  assertEquals(sparkline([0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█");
  assertEquals(sparkline([8, 6, 4, 2, 1, 1], 3), "█▃▁"); // means 7, 3 and 1
  assertEquals(sparkline([2, 2, 2]), "▄▄▄");
  assertEquals(sparkline([]), "");
});
