/** What a model makes of completions, token by token: `deno run -R pipelines/score.ts --model DIR --data rows.jsonl`. */
import {
  count,
  define,
  file,
  inTenths,
  loadModel,
  loadPolicy,
  loadReplies,
  once,
  oneOf,
  pipeline,
  type PolicyState,
  readTable,
  replyLogps,
  replyRowReader,
  type ReplyRowState,
  right,
  type SettingValues,
  type Stage,
  tokenizeReplies,
} from "../mod.ts";
import { ANNOTATOR } from "../fixtures/world/annotator.ts";
import { worldPairs, worldPolicy } from "../fixtures/world/shipped.ts";
import { main } from "./main.ts";
import { scoreSummary } from "./score_summary.ts";
import { SETUP } from "./setup.ts";
import { scoreSizes } from "./sizes.ts";

export const settings = define({
  model: SETUP.model,
  data: file({
    help: "rows to score, .jsonl, .json, .csv or .parquet, also gzipped: prompt with chosen and rejected or with " +
      "completion, or the same as prompt_ids, chosen_ids, …; without it, pairs of the fixture world",
  }),
  rows: SETUP.rows,
  context: count(0, { help: "most tokens of prompt and completion; 0: what the model reads" }),
  overflow: oneOf(["error", "drop"], { help: "rows longer than the context; drop: leave them out, and say so" }),
  modelHash: SETUP.modelHash,
  pairs: count(200, { atLeast: 1, help: "world: pairs to score" }),
});

type Values = SettingValues<typeof settings.fields>;

export const score = (s: Values) =>
  pipeline("score", [rowsOf(s), modelOf(s), tokenizeReplies({ overflow: s.overflow }), replyLogps()]);

/** The rows of a file, or pairs of the world. */
function rowsOf({ data, rows, pairs }: Values): Stage<object, ReplyRowState> {
  if (data !== null) return loadReplies(() => readTable(data, replyRowReader({ name: data, rows, mostDropped: 1 })));
  return loadReplies(async (key) => {
    const drawn = await worldPairs({ pairs, labels: "drawn", annotator: ANNOTATOR })(key);
    if (drawn._tag === "Left") return drawn;
    const { data, report } = drawn.right;
    return right({
      data: data.map(({ id, prompt, chosen, rejected }) => ({ id, prompt, replies: { chosen, rejected } })),
      report,
    });
  });
}

/** The model that is asked for, or the world's. */
function modelOf({ model, context, modelHash }: Values): Stage<object, PolicyState> {
  if (model === null) {
    return once("loadPolicy", () => {
      const { config, ...policy } = worldPolicy();
      return { ...policy, config: { ...config, contextLength: Math.min(config.contextLength, context || Infinity) } };
    }, { needs: [], adds: ["config", "tokenizer", "policy"] });
  }
  return loadPolicy((tell) => loadModel(model, { halves: true, onProgress: inTenths(tell) }), {
    ...{ name: model, hash: modelHash },
    ...context > 0 && { contextLength: context },
  });
}

if (import.meta.main) await main(score, settings, scoreSummary, scoreSizes);
