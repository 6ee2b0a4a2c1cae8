/** The card of a model: nothing of where files lie on the machine that made it, and as many parameters as are written. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  decodeSafetensors,
  initDecoder,
  initReward,
  key,
  modelCard,
  modelFiles,
  type ModelForm,
  noReport,
  type SavedModel,
} from "../../mod.ts";
import { publicReport } from "../../pipelines/card.ts";
import { settings } from "../../pipelines/dpo.ts";
import { commandLine, type Common } from "../../pipelines/flags.ts";
import { modelFacts } from "../../pipelines/model_facts.ts";
import { config as tied, tokenizer, untied } from "../stages/tiny.ts";

const FLAGS = [
  ...["--data", "/home/ann/secret project/pairs.jsonl", "--model", "/home/ann/models/SmolLM2/"],
  ...["--adapter", "C:\\Users\\ann\\adapter", "--ref-model", "../ann/ref", "--lora-rank", "4"],
];

/** The card of a run with these flags, of a model in a form. */
function cardOf(flags: readonly string[], form?: ModelForm): string {
  const values = commandLine(settings).parse(flags);
  if (values._tag === "Left") throw new Error(values.left.join("\n"));
  const ending = {
    ...{ pipeline: "dpo", program: "/home/ann/logratio/pipelines/dpo.ts", settings, wallSeconds: 1 },
    values: values.right as typeof settings.values & Common,
  };
  const told = { ...noReport, warnings: ["/home/ann/secret project/pairs.jsonl has odd rows"] };
  const model = { config: tied, tokenizer, policy: initDecoder(key(0), tied), ...form && { form } };
  const about = { pipeline: "dpo", data: "/home/ann/secret project/pairs.jsonl", merge: false };
  return modelCard(publicReport(told, ending, form), modelFacts(model, about));
}

Deno.test("a card calls files by their names, in the command, the settings and the warnings", () => {
  const card = cardOf(FLAGS);
  assertEquals(["/ann", "\\ann", "secret", "Users", "/home"].filter((word) => card.includes(word)), []);
  const command = card.split("\n").find((line) => line.startsWith("deno run")) ?? "";
  assertMatch(command, /^deno run -R pipelines\/dpo\.ts /);
  for (const flag of ["--data pairs.jsonl", "--model SmolLM2", "--adapter adapter", "--ref-model ref"]) {
    assertStringIncludes(`${command} `, ` ${flag} `);
  }
  assertStringIncludes(card, "| data | pairs.jsonl | none |");
  assertStringIncludes(card, "- The run warned: pairs.jsonl has odd rows");
});

Deno.test("a card keeps the id of a model of the hub, and no folder that looks like one", () => {
  const form = { source: "org/name" } as ModelForm;
  assertStringIncludes(cardOf(["--model", "org/name"], { ...form, revision: "0123456789" }), "--model org/name ");
  assertStringIncludes(cardOf(["--model", "org/name"], { ...form, source: "name" }), "--model name ");
});

/** Numbers in the weights of a model's files. */
function written(model: SavedModel): number {
  const pieces = modelFiles(model)["model.safetensors"] as Iterable<Uint8Array>;
  const tensors = decodeSafetensors(Uint8Array.from([...pieces].flatMap((piece) => [...piece])));
  if (tensors._tag === "Left") throw new Error(JSON.stringify(tensors.left));
  return [...tensors.right.values()].reduce((sum, { data }) => sum + data.length, 0);
}

Deno.test("a card counts the parameters that are written: of a reward model its own head, not the language model's", () => {
  for (const config of [tied, { ...tied, tiedEmbeddings: false }, { ...untied, norm: tied.norm }]) {
    const policy = initDecoder(key(0), config), unit = { mean: 0, deviation: 1 };
    const models: readonly SavedModel[] = [
      { config, tokenizer, policy },
      { config, tokenizer, reward: { ...initReward(key(1), policy), ...unit } },
      { config, tokenizer, reward: { ...initReward(key(1), policy, { surprise: true }), ...unit, reader: policy } },
    ];
    for (const model of models) {
      const { parameters } = modelFacts(model, { pipeline: "reward", data: null, merge: false });
      assertEquals(parameters, written(model));
    }
  }
});
