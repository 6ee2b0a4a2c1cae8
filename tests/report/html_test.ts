import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { advanceReport, noReport, type Report, type Section } from "../../lib/report/report.ts";
import { reportHtml } from "../../lib/report/html.ts";
import { smoothed } from "../../lib/report/chart.ts";
import { roundNumbers } from "../../lib/report/axis.ts";

const HOSTILE = [
  `</script><img src=x onerror=alert(1)>`,
  `</style></title><script>fetch("https://example.com")</script>`,
  `" onload="alert(1)`,
  "\u202eright to left \u05e9\u05dc\u05d5\u05dd",
  "x".repeat(20_000),
  "\ud800 and \udc00",
  "\u0000\u001b[31m",
  "&lt;b&gt; ]]> -->",
  "",
];

/** Each kind of section, hostile texts wherever a text may stand. */
const everything = (text: string): readonly Section[] => [
  { part: "result", title: text, note: text, type: "figures", figures: [{ name: text, value: text, note: text }] },
  { part: "data", title: text, folded: true, type: "table", header: [text, "n"], rows: [[text, 1], [null, 2]] },
  { part: "result", title: text, type: "samples", samples: [{ prompt: text, before: text, after: text }] },
  { part: "data", title: text, type: "text", lines: [text] },
  { part: "run", title: text, type: "code", code: text },
  {
    ...{ part: "result", title: text, type: "intervals", low: 0, high: 1, percent: true },
    series: [text, "after"],
    rows: [{ name: text, values: [null, { estimate: 0.5, low: 0.25, high: 0.75 }] }],
    marks: [{ at: 0.5, name: text }],
  },
  { part: "result", title: text, type: "reliability", bins: [{ n: 4, confidence: 0.75, accuracy: 0.5 }] },
  {
    ...{ part: "course", title: text, type: "lines", unit: text },
    lines: [{ name: text, points: [{ x: 1, y: 2, low: 2, high: 2 }, { x: 2, y: 1, low: 1, high: 1 }] }],
  },
];

const page = (text: string): string => {
  const report: Report = { ...noReport, title: text, lead: text, sections: everything(text) };
  return reportHtml(advanceReport(report, { type: "warning", path: [text], message: text }));
};

/** The tags of a page, without the texts in their attributes. */
const skeleton = (html: string): string =>
  (html.replace(/<style>[^<]*<\/style>/, "").match(/<[^>]*>/g) ?? []).join("")
    .replace(/"[^"]*"/g, '""').replace(/<details class=""><summary><\/summary><\/details>/g, "");

Deno.test("no text changes what a page is made of, wherever it stands", () => {
  const plain = skeleton(page("harmless"));
  for (const text of HOSTILE) assertEquals(skeleton(page(text)), plain);
});

Deno.test("a page asks the network for nothing and holds no script", () => {
  const html = page("harmless");
  assertEquals(
    html.match(/<(script|img|link|iframe|object|embed)\b|\b(src|srcset|action)=|url\(|@import|https?:/g),
    null,
  );
  assertStringIncludes(html, `content="default-src 'none'`);
  assert(Array.from(html.matchAll(/href="([^"]*)"/g), ([, to]) => to).every((to) => to?.startsWith("#")));
});

Deno.test("a long text is shown in part, and 10,000 characters of it can be opened", () => {
  const html = reportHtml({
    ...noReport,
    sections: [{ part: "data", title: "t", type: "text", lines: ["x".repeat(20_000)] }],
  });
  assertStringIncludes(html, `<p>${"x".repeat(400)}<details class="rest"><summary>19600 more characters</summary>`);
  assertStringIncludes(html, `${"x".repeat(9600)}… and 10000 more</details>`);
});

Deno.test("parts stand in their order, and those without a section are left out", () => {
  const html = reportHtml({
    ...noReport,
    sections: everything("t").toReversed().filter(({ part }) => part !== "data"),
  });
  assertEquals(Array.from(html.matchAll(/<h2 id="(\w+)"/g), ([, id]) => id), ["result", "course", "run"]);
});

Deno.test("a chart says in words what it draws", () => {
  let report: Report = { ...noReport, title: "t" };
  [0.7, 0.9, 0.2, 0.4].forEach((loss, i) => {
    report = advanceReport(report, { type: "step", path: ["dpo", "update"], step: i + 1, steps: 4, metrics: { loss } });
  });
  const html = reportHtml(report);
  assertStringIncludes(
    html,
    "<title>loss</title><desc>loss: 0.7 at step 1, 0.4 at 4, least 0.2 at 3, greatest 0.9 at 2</desc>",
  );
  // 306 by 174 units from (46, 182): x from 1 to 4, y from 0.2 to 0.9 with a twentieth of it on either side.
  const y = (loss: number): string => String(Number((182 - 174 * (loss - 0.165) / 0.77).toFixed(1)));
  assertStringIncludes(html, `d="M46 ${y(0.7)}L148 ${y(0.9)}L250 ${y(0.2)}L352 ${y(0.4)}"`);
});

Deno.test("intervals stand at their share of the axis", () => {
  const html = page("t");
  assertStringIncludes(html, `<line x1="25%" x2="75%"`);
  assertStringIncludes(html, `<circle cx="50%"`);
});

Deno.test("charts of nothing, of one step, of constants and of huge figures hold no NaN", () => {
  const points = (values: readonly number[]): Section => ({
    ...{ part: "course", title: "t", type: "lines", unit: "step" },
    lines: [{ name: "a", points: values.map((y, x) => ({ x, y, low: y, high: y })) }],
  });
  const sections = [[], [1], [2, 2], [0, 0], [1e38, -1e38], [1e-9, 1e9, 1e9, 1e9]].map(points);
  assertEquals(reportHtml({ ...noReport, sections }).match(/NaN|Infinity|undefined/g), null);
});

Deno.test("smoothed() takes the noise and leaves straight lines as they are, at their ends too", () => {
  const line = Array.from({ length: 100 }, (_, i) => 3 - 0.5 * i);
  smoothed(line).forEach((y, i) => assert(Math.abs(y - (line[i] as number)) < 1e-12));
  const noisy = smoothed(line.map((y, i) => y + (-1) ** i));
  assert(noisy.slice(5, -5).every((y, i) => Math.abs(y - (line[i + 5] as number)) < 0.05));
  assertEquals(smoothed([3, 1, 2]), [3, 1, 2]);
});

Deno.test("roundNumbers() lie within the ends, in steps of one, two or five", () => {
  assertEquals(roundNumbers(0.27, 0.71), [0.3, 0.4, 0.5, 0.6, 0.7]);
  assertEquals(roundNumbers(-3, 101), [0, 50, 100]);
  assertEquals(roundNumbers(0, 1, 4), [0, 0.5, 1]);
  assertEquals(roundNumbers(7, 7), [7]);
});

Deno.test("a report keeps the first hundred warnings", () => {
  let report = noReport;
  for (let i = 0; i < 150; i++) report = advanceReport(report, { type: "warning", path: ["a"], message: `${i}` });
  assertEquals([report.warnings.length, report.warnings.at(-1)], [100, "99"]);
});
