/** The table of row shapes that are known by their columns. */
import * as E from "@fp-ts/core/Either";
import { pipe } from "@fp-ts/core/Function";
import { all, left, right } from "../result.ts";
import type { Message, Prompt } from "./chat.ts";
import { readText } from "./dialogue.ts";
import { fault, type Fields, has, ID_LISTS, type Read } from "./field.ts";
import type { Fault } from "./issue.ts";
import * as read from "./shape.ts";
import type { Shape } from "./shape.ts";

/** The columns that a shape needs, and with others all that it knows. */
function columns(needed: readonly string[], others: readonly string[] = []): Pick<Shape, "needed" | "known"> {
  return { needed, known: ["id", ...needed, ...others] };
}

/** As in the dataset card of HuggingFaceH4/ultrafeedback_binarized. */
const ULTRAFEEDBACK: Shape = {
  name: "ultrafeedback",
  title: "UltraFeedback, binarized",
  ...columns(["chosen", "rejected", "score_chosen", "score_rejected"], ["prompt"]),
  meaning: "margin is score_chosen − score_rejected, and equal scores are a tie",
  sides: (fields) =>
    pipe(
      all({
        prompt: has(fields, "prompt") ? readText(fields.prompt, "prompt") : right(undefined),
        chosen: readText(fields.chosen, "chosen"),
        rejected: readText(fields.rejected, "rejected"),
      }),
      E.map(({ prompt, chosen, rejected }) => ({ ...prompt !== undefined && { prompt }, replies: [chosen, rejected] })),
    ),
  verdict: (fields) =>
    pipe(
      all({ chosen: read.readRating(fields, "score_chosen"), rejected: read.readRating(fields, "score_rejected") }),
      // Chosen stays chosen where its score is the lower one: the negative margin is for whoever looks at the data.
      E.map(({ chosen, rejected }) => ({
        lead: Math.abs(chosen - rejected),
        margin: chosen - rejected,
        because: `both scores are ${chosen}`,
      })),
    ),
};

/** As in the dataset card of Intel/orca_dpo_pairs. */
const ORCA: Shape = {
  name: "orca",
  title: "Orca DPO pairs",
  ...columns(["system", "question", "chosen", "rejected"]),
  meaning: "the prompt is system and question",
  sides: (fields) =>
    pipe(
      all({
        system: read.readRemark(fields, "system"),
        question: readText(fields.question, "question"),
        chosen: readText(fields.chosen, "chosen"),
        rejected: readText(fields.rejected, "rejected"),
      }),
      E.map(({ system, question, chosen, rejected }) => ({
        prompt: typeof question === "string" ? withSystem(system, question) : question,
        replies: [chosen, rejected],
      })),
    ),
  verdict: () => right({ lead: 1, because: "" }),
};

function withSystem(system: string, question: string): Prompt {
  return system.trim() === "" ? question : [{ role: "system", content: system }, { role: "user", content: question }];
}

/** As in the dataset card of nvidia/HelpSteer2: rated replies, two rows for each prompt. */
const HELPSTEER2: Shape = {
  name: "helpsteer2",
  title: "HelpSteer2",
  ...columns(["prompt", "response", "helpfulness"]),
  meaning:
    "two responses to a prompt are compared by helpfulness, whose difference is the margin; equal ones are a tie",
  scoredBy: "helpfulness",
  reply: (fields) =>
    pipe(
      all({
        prompt: readTurns(fields, "prompt"),
        reply: readText(fields.response, "response"),
        score: read.readRating(fields, "helpfulness"),
      }),
    ),
};

/** As in the dataset card of nvidia/HelpSteer2, folder preference: the sign of the strength is HelpSteer3's. */
const HELPSTEER2_PREFERENCE: Shape = {
  name: "helpsteer2-preference",
  title: "HelpSteer2's preferences",
  ...columns(["prompt", "response_1", "response_2", "preference_strength"]),
  meaning:
    "chosen is response_1 where preference_strength is below 0; its distance from 0 is the margin, and 0 is a tie",
  sides: (fields) =>
    pipe(
      all({ prompt: readTurns(fields, "prompt"), sides: read.inColumns("prompt", "response_1", "response_2")(fields) }),
      E.map(({ prompt, sides }) => ({ ...sides, prompt })),
    ),
  verdict: read.onScale("preference_strength", { first: -1, most: 3 }),
};

/** As in the dataset card of nvidia/HelpSteer3, −3 where response 1 is much better. */
const HELPSTEER3: Shape = {
  name: "helpsteer3",
  title: "HelpSteer3",
  ...columns(["context", "response1", "response2", "overall_preference"]),
  meaning: "chosen is response1 where overall_preference is below 0; its distance from 0 is the margin, and 0 is a tie",
  sides: read.inColumns("context", "response1", "response2"),
  verdict: read.onScale("overall_preference", { first: -1, most: 3 }),
};

/** As in the dataset card of stanfordnlp/SHP: `labels` is 1 if A is preferred; a ratio becomes a difference by its logarithm. */
const SHP: Shape = {
  name: "shp",
  title: "SHP",
  ...columns(["history", "human_ref_A", "human_ref_B", "labels"], ["score_ratio"]),
  meaning: "chosen is human_ref_A where labels is 1, else human_ref_B; margin is ln(score_ratio)",
  sides: read.inColumns("history", "human_ref_A", "human_ref_B"),
  verdict: (fields) =>
    pipe(
      all({
        verdict: read.namedBy("labels", 1, 0)(fields),
        ratio: has(fields, "score_ratio")
          ? read.readRating(fields, "score_ratio", { least: 1, most: Number.MAX_VALUE })
          : right(undefined),
      }),
      E.map(({ verdict, ratio }) => ({ ...verdict, margin: ratio === undefined ? undefined : Math.log(ratio) })),
    ),
};

/** As in the dataset card of openai/webgpt_comparisons: an answer is preferred if its score is positive. */
const WEBGPT: Shape = {
  name: "webgpt",
  title: "WebGPT comparisons",
  ...columns(["question", "answer_0", "answer_1", "score_0", "score_1"]),
  meaning: "chosen is the answer with the higher score, the difference is the margin; equal scores are a tie",
  sides: (fields) =>
    pipe(
      typeof fields.question === "string" ? right({ ...fields, "question.full_text": fields.question }) : pipe(
        read.readRecord(fields, "question"),
        E.map(({ full_text }) => ({ ...fields, "question.full_text": full_text })),
      ),
      E.flatMap(read.inColumns("question.full_text", "answer_0", "answer_1")),
    ),
  verdict: read.byScores("score_0", "score_1"),
};

/** As in the dataset card of PKU-Alignment/PKU-SafeRLHF. */
const PKU: Shape = {
  name: "pku",
  title: "PKU-SafeRLHF",
  ...columns(["prompt", "response_0", "response_1", "better_response_id"]),
  meaning: "chosen is the more helpful response, better_response_id",
  sides: read.inColumns("prompt", "response_0", "response_1"),
  verdict: read.namedBy("better_response_id", 0, 1),
};

/** The same, by harmlessness: asked for, or where helpfulness was not compared. */
const PKU_SAFER: Shape = {
  ...PKU,
  name: "pku-safer",
  ...columns(["prompt", "response_0", "response_1", "safer_response_id"]),
  meaning: "chosen is the safer response, safer_response_id",
  verdict: read.namedBy("safer_response_id", 0, 1),
};

/**
 * As in the comparisons of openai/summarize_from_feedback, posts and news articles in the words that their model was given.
 *
 * @see Stiennon et al. 2020, "Learning to summarize from human feedback", appendix B
 */
const TLDR: Shape = {
  name: "tldr",
  title: "TL;DR comparisons",
  ...columns(["info", "summaries", "choice"]),
  meaning: "the prompt is the post of info, chosen the text of summaries that choice numbers",
  sides: (fields) =>
    pipe(
      all({
        prompt: pipe(read.readRecord(fields, "info"), E.flatMap(readPost)),
        replies: read.readTwoTexts(fields, "summaries"),
      }),
    ),
  verdict: read.namedBy("choice", 0, 1),
};

function readPost(info: Fields): Read<Prompt> {
  const title = typeof info.title === "string" ? `TITLE: ${info.title}\n\n` : "";
  const group = typeof info.subreddit === "string" ? `SUBREDDIT: r/${info.subreddit}\n\n` : "";
  if (typeof info.post === "string") return right(`${group}${title}POST: ${info.post}\n\nTL;DR:`);
  if (typeof info.article === "string") return right(`${title}${info.article}\n\nTL;DR:`);
  return fault('field "info" must have a post or an article', info);
}

/** As in the dataset card of lmsys/chatbot_arena_conversations and its successors. */
const ARENA: Shape = {
  name: "arena",
  title: "arena votes",
  ...columns(["model_a", "model_b", "winner", "conversation_a", "conversation_b"]),
  meaning: "chosen is the last turn of the conversation with the model that won; other winners are ties",
  sides: (fields) =>
    pipe(
      all({
        a: read.readDialogue(fields, "conversation_a"),
        b: read.readDialogue(fields, "conversation_b"),
      }),
      E.flatMap(({ a, b }) =>
        turnsBefore(a) === turnsBefore(b) ? right({ replies: [a, b] as const }) : left([OWN_TURNS])
      ),
    ),
  verdict: ({ winner }) => {
    if (winner === "model_a" || winner === "model_b") {
      return right({ lead: winner === "model_a" ? 1 : -1, because: "" });
    }
    return typeof winner === "string" && /tie|both/i.test(winner)
      ? right({ lead: 0, because: `winner is ${winner}` })
      : fault('field "winner" must be model_a, model_b or a tie', winner);
  },
};

const OWN_TURNS: Fault = {
  reason: "ownTurns",
  rule: "the two conversations must have the same turns before the last: each went its own way",
};

function turnsBefore(dialogue: Prompt): string {
  return JSON.stringify((dialogue as readonly Message[]).slice(0, -1));
}

/** Turns that are marked in one text, as HelpSteer's `<extra_id_1>Assistant` does after the first. */
function readTurns(fields: Fields, name: string): Read<Prompt> {
  const text = fields[name];
  if (typeof text !== "string") return readText(text, name);
  const [first = "", ...parts] = text.split(/\s*<extra_id_1>(User|Assistant)\s*/);
  if (parts.length === 0) return right(text);
  return right([
    { role: "user", content: first },
    ...Array.from({ length: parts.length / 2 }, (_, turn): Message => ({
      role: parts[2 * turn] === "User" ? "user" : "assistant",
      content: parts[2 * turn + 1] as string,
    })),
  ]);
}

/** All shapes, in the order in which they are tried. */
export const SHAPES: readonly Shape[] = [
  ...[ULTRAFEEDBACK, ORCA, HELPSTEER2, HELPSTEER2_PREFERENCE, HELPSTEER3, SHP, WEBGPT, PKU, PKU_SAFER, TLDR, ARENA],
];

/**
 * How rows are read: by what their columns tell (`auto`), as `prompt`, `chosen` and `rejected` (`pairs`), or in the shape
 * of a data set.
 */
export const ROW_SHAPES = [
  ...["auto", "pairs"] as const,
  ...["ultrafeedback", "orca", "helpsteer2", "helpsteer2-preference", "helpsteer3", "shp", "webgpt"] as const,
  ...["pku", "pku-safer", "tldr", "arena"] as const,
] as const;

/** One of {@link ROW_SHAPES}. */
export type RowShape = typeof ROW_SHAPES[number];

/** The shape that is asked for, or that columns tell; `undefined` for rows of our own. */
export function shapeOf(columns: readonly string[], rows: RowShape = "auto"): Shape | undefined {
  if (rows === "pairs") return undefined;
  if (rows !== "auto") return SHAPES.find(({ name }) => name === rows);
  const ours = ["chosen", "rejected", "completion", "completions", ...ID_LISTS].filter((name) =>
    columns.includes(name)
  );
  const open = SHAPES.filter(({ needed }) => ours.every((name) => needed.includes(name)));
  const missing = ({ needed }: Shape): number => needed.filter((name) => !columns.includes(name)).length;
  // All but one of many columns are a slip, which the reader of names tells.
  return open.find((shape) => missing(shape) === 0) ??
    open.find((shape) => ours.length === 0 && shape.needed.length > 3 && missing(shape) === 1);
}

/** All columns of all shapes. */
export const SHAPE_COLUMNS: readonly string[] = [
  ...new Set(SHAPES.flatMap(({ known }) => known)),
];
