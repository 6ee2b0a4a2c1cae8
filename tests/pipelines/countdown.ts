/** A pipeline that needs nothing, to try the command line with: it counts down, and can go wrong in every way. */
import { attempt, count, define, file, left, number, once, oneOf, pipeline, right, scan, table } from "../../mod.ts";
import { main } from "../../pipelines/main.ts";

export const settings = define({
  from: number(3, { above: 0, help: "where to begin" }),
  steps: count(20, { help: "steps to take" }),
  sleep: number(0, { atLeast: 0, unit: "ms", help: "how long a step takes" }),
  data: file({ help: "a file to read first" }),
  fault: oneOf(["none", "input", "nan", "throw", "permission", "slow"], { help: "what goes wrong" }),
});

type Values = typeof settings.values;

const load = ({ data, fault }: Values) =>
  attempt("load", async () => {
    if (data !== null) await Deno.readTextFile(data);
    if (fault === "permission") await Deno.writeTextFile("out.txt", "");
    if (fault === "throw") throw new TypeError("Cannot add shapes [2] and [3]");
    return fault === "input"
      ? left({ kind: "input" as const, sentences: ["Cannot read line 1", "Cannot read line 2"] })
      : right({ rows: 7 });
  });

const countDown = ({ from, steps, sleep, fault }: Values) =>
  scan("countDown", {
    init: () => ({ carry: from, steps }),
    step: (left, { step }) => {
      for (const begun = performance.now(); performance.now() - begun < sleep;);
      return { carry: left - 1, metrics: { loss: fault === "nan" && step === 4 ? NaN : left } };
    },
    done: (left) => ({ left }),
  });

const double = ({ fault }: Values) =>
  once("double", async ({ left }: { left: number }) => {
    if (fault === "slow") await new Promise((resolve) => setTimeout(resolve, 60_000));
    return { twice: 2 * left };
  });

export const countdown = (s: Values) => pipeline("countdown", [load(s), countDown(s), double(s)]);

export const summary = ({ rows, twice }: { rows: number; twice: number }) => ({
  json: { data: { pairs: rows }, twice, unknown: NaN },
  table: table(["rows", "twice"], [[rows, twice]]),
});

if (import.meta.main) await main(countdown, settings, summary);
