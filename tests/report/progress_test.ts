import { assertEquals } from "@std/assert";
import type { Event } from "../../lib/flow/event.ts";
import { advanceProgress, duration, noProgress, type Progress, showProgress } from "../../lib/report/progress.ts";

const opening: readonly Event[] = [{ type: "start", path: ["dpo"], stages: ["load", "update"] }, {
  type: "start",
  path: ["dpo", "load"],
}];

/** A training loop of `steps` steps, from step `from` on. */
const training = (steps: number, from = 0): readonly Event[] => {
  const path = ["dpo", "update"];
  const step = (_: unknown, i: number): Event => ({
    type: "step",
    path,
    step: from + i + 1,
    steps,
    metrics: { "logps/chosen": -3, loss: 1 / (from + i + 1), grad_norm: 2, "rewards/accuracies": 0.5 },
  });
  return [
    { type: "done", path: ["dpo", "load"] },
    { type: "start", path, steps },
    ...Array.from({ length: steps - from }, step),
  ];
};

/** Progress after each event, one event every half second. */
function follow(events: readonly Event[]): readonly Progress[] {
  let progress = noProgress;
  return events.map((event, i) => progress = advanceProgress(progress, event, i / 2));
}

Deno.test("advanceProgress() says which stage is under way", () => {
  assertEquals(follow(opening).at(-1)?.line, "[1/2] load");
});

Deno.test("advanceProgress() shows step, figures and the time that is left at the pace so far", () => {
  const lines = follow([...opening, ...training(8)]).map((p) => p.line);
  assertEquals(lines[3], "[2/2] update  ────────────────────    0 %  0/8");
  assertEquals(lines[5], "[2/2] update  ━━━━━───────────────   25 %  2/8  loss 0.5  rewards/accuracies 0.5  ETA 3 s");
  assertEquals(
    lines[11],
    "[2/2] update  ━━━━━━━━━━━━━━━━━━━━  100 %  8/8  loss 0.125  rewards/accuracies 0.5  took 4 s",
  );
});

Deno.test("the time that is left counts a resumed run's own steps only", () => {
  const lines = follow([...opening, ...training(100, 90)]).map((p) => p.line);
  assertEquals(lines[4]?.split("  ").at(-1), "ETA 5 s"); // nine steps of half a second
});

Deno.test("in a repeat, the outer loop is measured and the inner one named", () => {
  const round = (i: number): readonly Event[] => [
    { type: "start", path: ["ppo", "rounds", i, "update"], steps: 2 },
    { type: "step", path: ["ppo", "rounds", i, "update"], step: 1, steps: 2, metrics: { "objective/kl": 0.25 } },
    { type: "done", path: ["ppo", "rounds", i, "update"] },
    { type: "step", path: ["ppo", "rounds"], step: i + 1, steps: 4, metrics: {} },
  ];
  const events: readonly Event[] = [
    { type: "start", path: ["ppo"], stages: ["rounds"] },
    { type: "start", path: ["ppo", "rounds"], steps: 4 },
    ...round(0),
    ...round(1),
  ];
  const all = follow(events);
  assertEquals(all[7]?.line, "[1/1] rounds  ━━━━━───────────────   25 %  1/4  update 1/2  objective/kl 0.25  ETA 9 s");
  assertEquals(all.filter((p) => p.tenth !== null).map((p) => p.tenth?.slice(0, 49)), [
    "[1/1] rounds  ━━━━━───────────────   25 %  1/4  o",
    "[1/1] rounds  ━━━━━━━━━━──────────   50 %  2/4  o",
  ]);
});

Deno.test("showProgress() writes ten lines for a loop where there is no terminal, and nothing else", () => {
  const text = follow([...opening, ...training(1000)]).map((p) => showProgress(p, null)).join("");
  const lines = text.split("\n");
  assertEquals(lines.pop(), "");
  assertEquals(lines.map((line) => /(\d+) %/.exec(line)?.[1]), [
    "10",
    "20",
    "30",
    "40",
    "50",
    "60",
    "70",
    "80",
    "90",
    "100",
  ]);
  assertEquals(
    lines[1],
    "[2/2] update  ━━━━────────────────   20 %  200/1000  loss 0.005  rewards/accuracies 0.5  ETA 6 min 40 s",
  );
});

Deno.test("showProgress() writes one line over and over in a terminal, no wider than it is, and leaves the last", () => {
  const all = follow([...opening, ...training(3), { type: "done", path: ["dpo", "update"] }]);
  const texts = all.map((p) => showProgress(p, 40));
  assertEquals(texts[4], "\r\x1b[K[2/2] update  ━━━━━━──────────────   33");
  assertEquals(texts[6], "\r\x1b[K[2/2] update  ━━━━━━━━━━━━━━━━━━━━  100\n");
  assertEquals(texts[7], "\r\x1b[K");
});

Deno.test("in a terminal the loss is drawn too, and where there is little room the rest gives way to the time that is left", () => {
  const at = follow([...opening, ...training(8)])[6] as Progress; // losses 1, 1/2 and 1/3
  const shown = (columns: number): string => showProgress(at, columns).slice("\r\x1b[K[2/2] update  ".length);
  assertEquals(shown(120), "━━━━━━━─────────────   37 %  3/8  loss 0.3333  █▃▁  rewards/accuracies 0.5  ETA 3 s");
  assertEquals(shown(80), "━━━━━━━─────────────   37 %  3/8  loss 0.3333  █▃▁  ETA 3 s");
  assertEquals(shown(69), "━━━━━━━─────────────   37 %  loss 0.3333  █▃▁  ETA 3 s");
  assertEquals(shown(64), "━━━━━━━─────────────   37 %  loss 0.3333  ETA 3 s");
  assertEquals(shown(56), "━━━━━━━─────────────   37 %  ETA 3 s");
});

Deno.test("warnings and samples stay on lines of their own", () => {
  const events: readonly Event[] = [
    ...opening,
    { type: "warning", path: ["dpo", "load"], message: "3 of 10 rows were dropped" },
    { type: "sample", path: ["dpo", "load"], fields: { prompt: "2 + 2?", after: "4" } },
  ];
  const texts = follow(events).map((p) => [showProgress(p, null), showProgress(p, 80)]);
  assertEquals(texts[2], [
    "Warning from dpo/load: 3 of 10 rows were dropped\n",
    "\r\x1b[KWarning from dpo/load: 3 of 10 rows were dropped\n\r\x1b[K[1/2] load",
  ]);
  assertEquals(texts[3]?.[0], "prompt: 2 + 2?  after: 4\n");
});

Deno.test("duration() is in words", () => {
  assertEquals([0, 0.2, 59, 59.5, 125, 3599.5, 3720, 90_000].map(duration), [
    ...["0 s", "1 s", "59 s", "1 min 00 s", "2 min 05 s", "1 h 00 min", "1 h 02 min", "25 h 00 min"],
  ]);
});
