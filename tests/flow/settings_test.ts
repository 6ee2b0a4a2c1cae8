import { assertEquals, assertThrows } from "@std/assert";
import { parseArgs } from "@std/cli";
import { count, file, number, oneOf, text, toggle } from "../../lib/flow/setting.ts";
import { define, type SettingValues } from "../../lib/flow/settings.ts";
import { type Result, right } from "../../lib/result.ts";

const settings = define({
  beta: number(0.1, { above: 0, help: "strength of the pull to the reference" }),
  labelSmoothing: number(0, { atLeast: 0, below: 0.5, help: "share of labels that are wrong" }),
  timeout: number(10, { atLeast: 1, atMost: 60, unit: "seconds", help: "how long to wait" }),
  steps: count(200, { help: "training steps" }),
  epochs: count(1, { atLeast: 1, atMost: 9, help: "rounds through the data" }),
  name: text("run", { help: "what to call it" }),
  data: file({ help: "pairs to learn from" }),
  family: oneOf(["helpful", "honest"], { help: "what to ask about" }),
  controls: toggle(false, { help: "compare with five controls" }),
  shuffle: toggle(true, { help: "keep the order of the data" }),
});

/** Parses a command line as `main` does. */
const parse = (line: string, config = {}): Result<readonly string[], SettingValues<typeof settings.fields>> =>
  settings.parse(parseArgs(line.split(" ").filter((word) => word !== ""), settings.flags), config);

/** The sentences about a command line that is wrong. */
const errors = (line: string, config = {}): readonly string[] => {
  const result = parse(line, config);
  return result._tag === "Left" ? result.left : [];
};

Deno.test("define() gives defaults, and their types", () => {
  const values: {
    readonly beta: number;
    readonly labelSmoothing: number;
    readonly timeout: number;
    readonly steps: number;
    readonly epochs: number;
    readonly name: string;
    readonly data: string | null;
    readonly family: "helpful" | "honest";
    readonly controls: boolean;
    readonly shuffle: boolean;
  } = settings.values;
  // @ts-expect-error no setting is called bta
  settings.values.bta;
  assertEquals(parse(""), right(values));
  assertEquals([values.beta, values.data, values.family, values.shuffle], [0.1, null, "helpful", true]);
});

Deno.test("parse() reads flags over the config over the defaults", () => {
  const config = { beta: 0.3, steps: 50, family: "honest", data: null, controls: true };
  const line = "--beta 0.5 --label-smoothing=.1 --data a.jsonl --no-controls --no-shuffle --epochs 3";
  assertEquals(
    parse(line, config),
    right({
      ...settings.values,
      ...{ beta: 0.5, labelSmoothing: 0.1, data: "a.jsonl", controls: false, shuffle: false, epochs: 3 },
      ...{ steps: 50, family: "honest" as const },
    }),
  );
  assertEquals(
    parse("--beta 1e-3 --controls --name 7"),
    right({ ...settings.values, beta: 0.001, controls: true, name: "7" }),
  );
});

const wrongFlags: readonly (readonly [line: string, ...sentences: readonly string[]])[] = [
  ["--bta 1", "Cannot read --bta as there is no such flag: did you mean --beta?"],
  ["--lable-smoothing 0", "Cannot read --lable-smoothing as there is no such flag: did you mean --label-smoothing?"],
  ["--no-shufle", "Cannot read --no-shufle as there is no such flag: did you mean --no-shuffle?"],
  ["--no-beta", "Cannot read --no-beta as there is no such flag: did you mean --beta?"],
  ["--threads 4", "Cannot read --threads as there is no such flag: --help lists them all"],
  ["-x", "Cannot read -x as there is no such flag: --help lists them all"],
  ["--beta", "Cannot read --beta as it needs a value: --beta <number>"],
  ["--timeout --controls", "Cannot read --timeout as it needs a value: --timeout <seconds>"],
  ["--data=", "Cannot read --data as it needs a value: --data <file>"],
  ["--beta abc", "Cannot read --beta as it must be a number above 0: current value is abc"],
  ["--beta 0", "Cannot read --beta as it must be a number above 0: current value is 0"],
  ["--beta=-1", "Cannot read --beta as it must be a number above 0: current value is -1"],
  ["--beta Infinity", "Cannot read --beta as it must be a number above 0: current value is Infinity"],
  [
    "--label-smoothing 0.5",
    "Cannot read --label-smoothing as it must be a number of at least 0 and below 0.5: current value is 0.5",
  ],
  ["--timeout 61", "Cannot read --timeout as it must be a number of at least 1 and at most 60: current value is 61"],
  ["--steps 1.5", "Cannot read --steps as it must be a whole number of at least 0: current value is 1.5"],
  ["--epochs 0", "Cannot read --epochs as it must be a whole number of at least 1 and at most 9: current value is 0"],
  ["--family harmless", "Cannot read --family as it must be one of helpful, honest: current value is harmless"],
  ["--beta 1 --beta 2", "Cannot read --beta as it must be given once: current value is 1 and 2"],
  [
    "pairs.jsonl",
    'Cannot read "pairs.jsonl" as every argument must belong to a flag: did you mean --data pairs.jsonl?',
  ],
];

for (const [line, ...sentences] of wrongFlags) {
  Deno.test(`parse() says of ${line}: ${sentences[0]}`, () => assertEquals(errors(line), sentences));
}

Deno.test("parse() says everything that is wrong at once", () => {
  assertEquals(errors("--bta 1 --steps=-2.5 --beta --epochs 0 x", { betta: 1, steps: "2", epochs: 2, family: 3 }), [
    "Cannot read --bta as there is no such flag: did you mean --beta?",
    'Cannot read "x" as every argument must belong to a flag: did you mean --data x?',
    'Cannot read "betta" in the config as there is no such setting: did you mean "beta"?',
    "Cannot read --beta as it needs a value: --beta <number>",
    "Cannot read --steps as it must be a whole number of at least 0: current value is -2.5",
    "Cannot read --epochs as it must be a whole number of at least 1 and at most 9: current value is 0",
    'Cannot read "family" in the config as it must be one of helpful, honest: current value is 3',
  ]);
});

Deno.test("parse() names what is wrong in a config", () => {
  assertEquals(errors("", { beta: "0.1", steps: null, controls: "yes", name: 1, data: 2 }), [
    'Cannot read "beta" in the config as it must be a number above 0: current value is "0.1"',
    'Cannot read "steps" in the config as it must be a whole number of at least 0: current value is null',
    'Cannot read "name" in the config as it must be a text: current value is 1',
    'Cannot read "data" in the config as it must be the path of a file: current value is 2',
    'Cannot read "controls" in the config as it must be true or false: current value is "yes"',
  ]);
  assertEquals(errors("", { zzz: 1 }), [
    'Cannot read "zzz" in the config as there is no such setting: they are ' + Object.keys(settings.fields).join(", "),
  ]);
});

Deno.test("help has a line for each setting, with range and default", () => {
  assertEquals(
    settings.help,
    `
  --beta <number>             strength of the pull to the reference (above 0; default 0.1)
  --label-smoothing <number>  share of labels that are wrong (at least 0 and below 0.5; default 0)
  --timeout <seconds>         how long to wait (at least 1 and at most 60; default 10)
  --steps <count>             training steps (default 200)
  --epochs <count>            rounds through the data (at least 1 and at most 9; default 1)
  --name <text>               what to call it (default run)
  --data <file>               pairs to learn from
  --family <helpful|honest>   what to ask about (default helpful)
  --controls                  compare with five controls
  --no-shuffle                keep the order of the data`.slice(1),
  );
});

Deno.test("a default outside its own range is refused", () => {
  assertThrows(
    () => number(0, { above: 0, help: "" }),
    RangeError,
    "Cannot define a setting as its default must be a number above 0: current value is 0",
  );
  assertThrows(() => count(1.5, { help: "" }), RangeError, "a whole number of at least 0: current value is 1.5");
});

Deno.test("a default may be another one where another setting is given, by a flag or in the config", () => {
  const own = define({
    lr: number(0.1, { above: 0, help: "rate", defaultWith: { model: 0.001 } }),
    model: file({ help: "what to go on with" }),
  });
  const lr = (line: string, config = {}): unknown => {
    const parsed = own.parse(parseArgs(line.split(" ").filter((word) => word !== ""), own.flags), config);
    return parsed._tag === "Right" ? parsed.right.lr : parsed.left;
  };
  assertEquals([lr(""), lr("--model m"), lr("", { model: "m" }), lr("", { model: null })], [0.1, 0.001, 0.001, 0.1]);
  assertEquals([lr("--model m --lr 2"), lr("--model m", { lr: 3 })], [2, 3]);
  assertEquals(own.help.split("\n")[0]?.trim(), "--lr <number>   rate (above 0; default 0.1, with --model 0.001)");
  assertThrows(
    () => number(1, { above: 0, help: "", defaultWith: { model: 0 } }),
    RangeError,
    "must be a number above 0: current value is 0",
  );
});

Deno.test("help gives a flag that is too long for its column a line of its own", () => {
  const choices = ["one", "another", "something", "else", "altogether different"] as const;
  const own = define({ lr: number(0.1, { help: "rate" }), way: oneOf(choices, { help: "how" }) });
  assertEquals(own.help.split("\n"), [
    "  --lr <number>  rate (default 0.1)",
    "  --way <one|another|something|else|altogether different>",
    "                 how (default one)",
  ]);
});
