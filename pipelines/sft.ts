/** Supervised fine-tuning, the warm start alone: `deno run pipelines/sft.ts`. */
import { count, define, evaluateLikelihood, freezeRef, number, pipeline, sftUpdate } from "../mod.ts";
import { LORA } from "./lora.ts";
import { main } from "./main.ts";
import { demonstrations, judgeReplies, SETUP, untuned } from "./setup.ts";
import { textSizes } from "./sizes.ts";
import { sftSummary } from "./summary.ts";
import { ratesWith, training, trainingFields } from "./training.ts";

const { data, rows, model, saveDtype, modelHash, overflow, heldOut, context, world, prompts } = SETUP;

export const settings = define({
  lr: number(2e-3, { above: 0, help: "peak learning rate", defaultWith: ratesWith(2e-5) }),
  epochs: number(1, { above: 0, help: "passes over the text" }),
  batchSize: count(32, { atLeast: 1, help: "texts of one optimizer step" }),
  ...trainingFields({ schedule: "cosine", beta2: 0.99 }),
  passages: count(15_000, { atLeast: 100, help: "world: passages of training text; the shipped policy read 200000" }),
  ...{ data, rows, model, saveDtype, modelHash, ...LORA, overflow, heldOut, context, world, prompts },
});

export const sft = (s: typeof settings.values) =>
  pipeline("sft", [
    demonstrations(s),
    untuned(s),
    freezeRef(),
    sftUpdate(training(s)),
    evaluateLikelihood(),
    judgeReplies(s),
  ]);

if (import.meta.main) await main(sft, settings, sftSummary, textSizes);
