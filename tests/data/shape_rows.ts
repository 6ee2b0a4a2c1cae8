/** Rows in the shapes of published data sets, of our own invention, with the pairs that they are. */
import type { Pair } from "../../lib/data/pair.ts";
import type { RowShape } from "../../lib/data/shapes.ts";

type Row = Readonly<Record<string, unknown>>;

/** Rows of a shape. */
export interface ShapeCase {
  readonly rows: readonly Row[];
  /** The pairs that they give. */
  readonly pairs: readonly Pair[];
  /** Ids by the reason why no pair came of them. */
  readonly dropped?: Readonly<Record<string, readonly string[]>>;
  /** Columns that are not read. */
  readonly unread: readonly string[];
  /** Its rows are another shape's too, and must be asked for. */
  readonly asked?: boolean;
}

const user = (content: string): Row => ({ role: "user", content });
const assistant = (content: string): Row => ({ role: "assistant", content });

const steered = (prompt: string, response: string, helpfulness: number): Row => ({
  ...{ prompt, response, helpfulness },
  ...{ correctness: 3, coherence: 4, complexity: 1, verbosity: 1 },
});

const post = (
  choice: number,
  info: Row = { id: "t3", post: "I am late.", title: "Late", subreddit: "clocks" },
): Row => ({
  info,
  summaries: [{ text: "Late again.", policy: "p", note: null }, { text: "Clocks.", policy: "q", note: null }],
  ...{ choice, worker: "w", batch: "batch3", split: "train", extra: { confidence: 4 } },
});

const vote = (winner: string, a: readonly Row[], b: readonly Row[]): Row => ({
  ...{ question_id: "x", model_a: "otter", model_b: "heron", winner, judge: "j", turn: 1 },
  ...{ conversation_a: a, conversation_b: b },
});

const helpful = { prompt: "Open a jar?", response_0: "Twist it.", response_1: "Break it." };

/** For each shape, rows and pairs. */
export const SHAPE_CASES: Readonly<Record<Exclude<RowShape, "auto" | "pairs">, ShapeCase>> = {
  ultrafeedback: {
    rows: [
      {
        ...{ prompt: "Name a tree.", prompt_id: "a1", score_chosen: 8.5, score_rejected: 6 },
        ...{ chosen: [user("Name a tree."), assistant("Oak.")], rejected: [user("Name a tree."), assistant("Tree.")] },
        messages: [user("Name a tree."), assistant("Oak.")],
      },
      {
        ...{ prompt: "Name a bird.", prompt_id: "a2", score_chosen: 7, score_rejected: 7, messages: [] },
        ...{ chosen: [user("Name a bird."), assistant("Rook.")], rejected: [user("Name a bird."), assistant("Jay.")] },
      },
      {
        ...{ prompt: "Name a fish.", prompt_id: "a3", score_chosen: 3, score_rejected: 5, messages: [] },
        ...{ chosen: [user("Name a fish."), assistant("Carp.")], rejected: [user("Name a fish."), assistant("Eel.")] },
      },
    ],
    pairs: [
      {
        id: "0",
        prompt: [{ role: "user", content: "Name a tree." }],
        ...{ chosen: "Oak.", rejected: "Tree.", margin: 2.5 },
      },
      {
        id: "2",
        prompt: [{ role: "user", content: "Name a fish." }],
        ...{ chosen: "Carp.", rejected: "Eel.", margin: -2 },
      },
    ],
    dropped: { tie: ["1"] },
    unread: ["prompt_id", "messages"],
  },
  orca: {
    rows: [
      { system: "Be brief.", question: "2 + 3?", chosen: "5", rejected: "It depends." },
      { system: "", question: "3 + 3?", chosen: "6", rejected: "9" },
    ],
    pairs: [
      {
        id: "0",
        prompt: [{ role: "system", content: "Be brief." }, { role: "user", content: "2 + 3?" }],
        ...{ chosen: "5", rejected: "It depends." },
      },
      { id: "1", prompt: "3 + 3?", chosen: "6", rejected: "9" },
    ],
    unread: [],
  },
  helpsteer2: {
    rows: [
      steered("Tie a knot?", "Loop it.", 2),
      steered("Tie a knot?", "Make a loop and pull.", 4),
      steered("Boil an egg?", "Seven minutes.", 3),
      steered("Boil an egg?", "Use water.", 3),
      steered("Hi\n\n<extra_id_1>Assistant\nHello!\n\n<extra_id_1>User\nBye", "See you.", 4),
      steered("Peel a pear?", "With a knife.", 4),
      steered("Hi\n\n<extra_id_1>Assistant\nHello!\n\n<extra_id_1>User\nBye", "Hello!", 1),
    ],
    pairs: [
      { id: "1>0", prompt: "Tie a knot?", chosen: "Make a loop and pull.", rejected: "Loop it.", margin: 2 },
      {
        id: "4>6",
        prompt: [
          { role: "user", content: "Hi" },
          { role: "assistant", content: "Hello!" },
          { role: "user", content: "Bye" },
        ],
        ...{ chosen: "See you.", rejected: "Hello!", margin: 3 },
      },
    ],
    dropped: { tie: ["3"], alone: ["5"] },
    unread: ["correctness", "coherence", "complexity", "verbosity"],
  },
  "helpsteer2-preference": {
    rows: [
      {
        prompt: "Fold a map?",
        response_1: "Along its folds.",
        response_2: "No.",
        preference_strength: -2,
        split: "train",
      },
      { prompt: "Fold a fan?", response_1: "No.", response_2: "Slowly.", preference_strength: 1, split: "train" },
      { prompt: "Fold a boat?", response_1: "No.", response_2: "Never.", preference_strength: 0, split: "train" },
    ],
    pairs: [
      { id: "0", prompt: "Fold a map?", chosen: "Along its folds.", rejected: "No.", margin: 2 },
      { id: "1", prompt: "Fold a fan?", chosen: "Slowly.", rejected: "No.", margin: 1 },
    ],
    dropped: { tie: ["2"] },
    unread: ["split"],
  },
  helpsteer3: {
    rows: [
      {
        ...{ domain: "general", language: "english", overall_preference: -3, individual_preference: [] },
        ...{ context: [user("Why rain?")], response1: "Clouds cool.", response2: "Because." },
      },
      {
        ...{ domain: "general", language: "english", overall_preference: 2, individual_preference: [] },
        ...{ context: [user("Hi"), assistant("Hello!"), user("Why?")], response1: "No.", response2: "To greet." },
      },
      {
        ...{ domain: "code", language: "english", overall_preference: 0, individual_preference: [] },
        ...{ context: [user("Why snow?")], response1: "Cold.", response2: "Ice." },
      },
    ],
    pairs: [
      {
        id: "0",
        prompt: [{ role: "user", content: "Why rain?" }],
        ...{ chosen: "Clouds cool.", rejected: "Because.", margin: 3 },
      },
      {
        id: "1",
        prompt: [
          { role: "user", content: "Hi" },
          { role: "assistant", content: "Hello!" },
          { role: "user", content: "Why?" },
        ],
        ...{ chosen: "To greet.", rejected: "No.", margin: 2 },
      },
    ],
    dropped: { tie: ["2"] },
    unread: ["domain", "language", "individual_preference"],
  },
  shp: {
    rows: [
      {
        ...{ post_id: "p", history: "Oil a door?", human_ref_A: "With a feather.", human_ref_B: "Lift it.", labels: 1 },
        ...{ score_A: 8, score_B: 4, score_ratio: 2 },
      },
      {
        ...{ post_id: "q", history: "Oil a saw?", human_ref_A: "Why?", human_ref_B: "With wax.", labels: 0 },
        ...{ score_A: 2, score_B: 2, score_ratio: 1 },
      },
    ],
    pairs: [
      { id: "0", prompt: "Oil a door?", chosen: "With a feather.", rejected: "Lift it.", margin: Math.LN2 },
      { id: "1", prompt: "Oil a saw?", chosen: "With wax.", rejected: "Why?", margin: 0 },
    ],
    unread: ["post_id", "score_A", "score_B"],
  },
  webgpt: {
    rows: [
      {
        question: { id: "i", dataset: "d", full_text: "Why do owls turn their heads?" },
        ...{ answer_0: "Fixed eyes.", answer_1: "For fun.", score_0: 0.5, score_1: -0.5, quotes_0: {}, tokens_0: {} },
      },
      { question: "Why do cats purr?", answer_0: "Hm.", answer_1: "To rest.", score_0: -1, score_1: 1 },
      { question: { full_text: "Why?" }, answer_0: "So.", answer_1: "Thus.", score_0: 0, score_1: 0 },
    ],
    pairs: [
      { id: "0", prompt: "Why do owls turn their heads?", chosen: "Fixed eyes.", rejected: "For fun.", margin: 1 },
      { id: "1", prompt: "Why do cats purr?", chosen: "To rest.", rejected: "Hm.", margin: 2 },
    ],
    dropped: { tie: ["2"] },
    unread: ["quotes_0", "tokens_0"],
  },
  pku: {
    rows: [
      { ...helpful, better_response_id: 1, safer_response_id: 0, is_response_0_safe: true },
      { ...helpful, better_response_id: 0, safer_response_id: 0, is_response_0_safe: true },
    ],
    pairs: [
      { id: "0", prompt: "Open a jar?", chosen: "Break it.", rejected: "Twist it." },
      { id: "1", prompt: "Open a jar?", chosen: "Twist it.", rejected: "Break it." },
    ],
    unread: ["safer_response_id", "is_response_0_safe"],
  },
  "pku-safer": {
    rows: [
      { ...helpful, better_response_id: 1, safer_response_id: 0 },
      { ...helpful, better_response_id: 0, safer_response_id: 1 },
    ],
    pairs: [
      { id: "0", prompt: "Open a jar?", chosen: "Twist it.", rejected: "Break it." },
      { id: "1", prompt: "Open a jar?", chosen: "Break it.", rejected: "Twist it." },
    ],
    unread: ["better_response_id"],
    asked: true,
  },
  tldr: {
    rows: [post(1), post(0, { id: "c", post: null, title: "Rain", article: "It rained.", subreddit: null })],
    pairs: [
      {
        id: "0",
        prompt: "SUBREDDIT: r/clocks\n\nTITLE: Late\n\nPOST: I am late.\n\nTL;DR:",
        ...{ chosen: "Clocks.", rejected: "Late again." },
      },
      { id: "1", prompt: "TITLE: Rain\n\nIt rained.\n\nTL;DR:", chosen: "Late again.", rejected: "Clocks." },
    ],
    unread: ["worker", "batch", "split", "extra"],
  },
  arena: {
    rows: [
      vote("model_b", [user("A rhyme?"), assistant("Time.")], [user("A rhyme?"), assistant("Lime, time.")]),
      vote("tie (bothbad)", [user("A joke?"), assistant("No.")], [user("A joke?"), assistant("Never.")]),
      vote("model_a", [user("Hi"), assistant("Yo"), user("Sum?"), assistant("4")], [
        ...[user("Hi"), assistant("Hello"), user("Sum?"), assistant("5")],
      ]),
      vote("model_a", [{ role: "user", content: [{ type: "text", text: "A word?" }] }, assistant("Moss.")], [
        ...[user("A word?"), { role: "assistant", content: [{ type: "text", text: "Word." }] }],
      ]),
    ],
    pairs: [
      { id: "0", prompt: [{ role: "user", content: "A rhyme?" }], chosen: "Lime, time.", rejected: "Time." },
      { id: "3", prompt: [{ role: "user", content: "A word?" }], chosen: "Moss.", rejected: "Word." },
    ],
    dropped: { tie: ["1"], ownTurns: ["2"] },
    unread: ["question_id", "judge", "turn"],
  },
};
