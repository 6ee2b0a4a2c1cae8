import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Comparisons } from "../../lib/ranking/comparisons.ts";
import { covariatesOf, itemCovariateReader } from "../../lib/ranking/read_item_covariates.ts";
import {
  comparisonReader,
  type ReadComparisons,
  readComparisons,
  type ReadComparisonsOptions,
} from "../../lib/ranking/read_comparisons.ts";

function read(text: string, options: ReadComparisonsOptions = {}): ReadComparisons {
  const result = readComparisons(text, options);
  if (result._tag === "Left") throw new Error(result.left.sentences.join("\n"));
  return result.right;
}

function counts(text: string, options: ReadComparisonsOptions = {}): Comparisons {
  const { data } = read(text, options);
  if (data.type === "rankings") throw new Error("rankings");
  return data.comparisons;
}

/** Rows as `winner side, loser side, wins, losses, ties, order` in words. */
function rows(data: Comparisons): string[] {
  return [...data.first].map((i, r) =>
    `${data.items[i]} ${data.items[data.second[r]!]} ${data.winsFirst[r]} ${data.winsSecond[r]} ${data.ties[r]} ${
      data.order[r]
    }`
  );
}

function sentences(text: string, options: ReadComparisonsOptions = {}): readonly string[] {
  const result = readComparisons(text, options);
  return result._tag === "Left" ? result.left.sentences : [];
}

Deno.test("winners may be sides, names, ties and both bad, in any case", () => {
  const data = counts("item_a,item_b,winner\nx,y,a\nx,y,B\ny,x,y\nx,y,tie\nx,y,both_bad\nx,y,x\n");
  assertEquals(rows(data), ["x y 2 2 2 0"]);
  assertEquals(read("item_a,item_b,winner\nx,y,both_bad\nx,y,tie").bothBad, 1);
});

Deno.test("an item called b wins by its name, not by its side", () => {
  assertEquals(rows(counts("item_a,item_b,winner\nb,c,b\n")), ["b c 1 0 0 0"]);
});

Deno.test("counts, JSON lines, a JSON array, semicolons, quotes and CRLF all give the same", () => {
  const want = ["x, 1 y 3 1 2 0"];
  assertEquals(rows(counts('item_a,item_b,wins_a,wins_b,ties\r\n"x, 1",y,3,1,2\r\n')), want);
  assertEquals(rows(counts("item_a;item_b;wins_a;wins_b;ties\nx, 1;y;3;1;2\n")), want);
  const object = { item_a: "x, 1", item_b: "y", wins_a: 3, wins_b: 1, ties: 2 };
  assertEquals(rows(counts(JSON.stringify(object) + "\n")), want);
  assertEquals(rows(counts(JSON.stringify([object], null, 2))), want);
});

Deno.test("LMSYS and llmfao columns are understood as they are", () => {
  assertEquals(rows(counts("question_id,model_a,model_b,winner\n1,x,y,model_b\n2,x,y,tie (bothbad)\n")), [
    "x y 0 1 1 0",
  ]);
  assertEquals(rows(counts("model_a,model_b,winner_model_a,winner_model_b,winner_tie\nx,y,0,0,1\nx,y,1,0,0\n")), [
    "x y 1 0 1 0",
  ]);
  const llmfao = "id,prompt,model_x,model_y,worker,winner,left,right\n0,8,97,98,58,right,A,W\n0,8,97,98,83,tie,W,A\n";
  assertEquals(rows(counts(llmfao)), ["A W 0 1 1 0"]);
  assertEquals(read(llmfao, { cluster: "judge" }).clusters, 2);
  assertEquals(rows(counts(llmfao, { listedFirst: true })), ["A W 0 1 0 1", "A W 0 0 1 -1"]);
});

Deno.test("the order column says who had the advantage, by side or by name", () => {
  const data = counts("item_a,item_b,winner,order\nx,y,a,a\nx,y,a,b\nx,y,a,\nx,y,a,y\n");
  assertEquals(rows(data), ["x y 1 0 0 1", "x y 2 0 0 -1", "x y 1 0 0 0"]);
});

Deno.test("weights multiply, covariates are first minus second and keep rows apart", () => {
  assertEquals(rows(counts("item_a,item_b,winner,weight\nx,y,a,0.5\nx,y,a,2\n")), ["x y 2.5 0 0 0"]);
  const data = counts("item_a,item_b,winner,len_a,len_b\ny,x,a,5,3\nx,y,b,1,0\n", { covariates: ["len"] });
  assertEquals([...data.covariates!.values], [2, 1]);
  assertEquals(rows(data), ["y x 1 0 0 0", "x y 0 1 0 0"]);
});

Deno.test("records are read as rows of text are: bigints, dates and lists too", () => {
  const reader = comparisonReader({ sequence: true });
  reader.records([{ model_a: "x", model_b: "y", winner: "model_a", tstamp: new Date(2000), conversation: undefined }]);
  reader.records([{ model_a: "x", model_b: "y", winner: "tie", tstamp: new Date(1000) }]);
  const result = reader.end();
  assert(result._tag === "Right" && result.right.data.type === "comparisons" && result.right.games !== undefined);
  assertEquals(rows(result.right.data.comparisons), ["x y 1 0 1 0"]);
  assertEquals(rows(result.right.games), ["x y 0 0 1 0", "x y 1 0 0 0"]);
  const counted = comparisonReader();
  counted.records([{ item_a: "x", item_b: "y", wins_a: 3n, wins_b: 1n }]);
  const { data } = (counted.end() as { right: ReadComparisons }).right;
  assertEquals(data.type === "comparisons" && rows(data.comparisons), ["x y 3 1 0 0"]);
  assertEquals(["winner", "Model-A", "conversation"].map(counted.wants), [true, true, false]);
});

Deno.test("games stand in the order of time, by number or date; without times in the order of the rows", () => {
  const games = (text: string): string[] => rows(read(text, { sequence: true }).games!);
  assertEquals(games("item_a,item_b,winner,time\nx,y,a,2\ny,x,tie,1\nx,y,b,1\n"), [
    "y x 0 0 1 0",
    "x y 0 1 0 0",
    "x y 1 0 0 0",
  ]);
  const dated = "item_a,item_b,winner,time\nx,y,a,2024-03-01\ny,x,a,2023-12-31T23:59:59Z\n";
  assertEquals(games(dated), ["y x 1 0 0 0", "x y 1 0 0 0"]);
  assertEquals(games("item_a,item_b,winner\nx,y,a\ny,x,a\n"), ["x y 1 0 0 0", "y x 1 0 0 0"]);
});

Deno.test("item covariates: a column of names, numbers, and NaN for what is not known", () => {
  const table = (text: string): ReturnType<ReturnType<typeof itemCovariateReader>["end"]> => {
    const reader = itemCovariateReader();
    reader.push(text);
    return reader.end();
  };
  const found = table("size,item,age\n7,x,\n13,y,2\n");
  assert(found._tag === "Right");
  assertEquals(covariatesOf(["y", "z", "x"], found.right), {
    names: ["size", "age"],
    values: Float64Array.of(13, 2, NaN, NaN, 7, NaN),
  });
  const wrong = (text: string): readonly string[] => {
    const result = table(text);
    return result._tag === "Left" ? result.left.sentences : [];
  };
  assertEquals(wrong("item,size\nx,big\nx,1\nx,2\n"), [
    'Cannot read line 2 as size must be a number or empty: current value is "big"',
    'Cannot read line 4 as each item must have one row: "x" has another',
  ]);
  assertEquals(wrong("size\n1\n"), [
    "Cannot read line 1 as it must name item and at least one covariate: it names size",
  ]);
  assertEquals(wrong("item,size\n"), [
    "Cannot read item covariates as the file has no rows: it needs a header and a row for each item",
  ]);
});

Deno.test("rankings are read from text and from JSON", () => {
  const { data } = read("ranking,weight\nx > y=z,2\nz>x,1\n");
  assertEquals(data, {
    type: "rankings",
    rankings: { items: ["x", "y", "z"], rankings: [[[0], [1, 2]], [[2], [0]]], counts: [2, 1] },
  });
  assertEquals(read('{"ranking":["x",["y","z"]]}').data, {
    type: "rankings",
    rankings: { items: ["x", "y", "z"], rankings: [[[0], [1, 2]]], counts: [1] },
  });
});

Deno.test("whatever pieces a text comes in, the same is read", () => {
  const text = 'item_a,item_b,winner\n"x\n1",y,a\nz,y,tie\r\ny,"q""q",b\n';
  fc.assert(fc.property(fc.array(fc.nat(text.length), { maxLength: 6 }), (cuts) => {
    const reader = comparisonReader();
    const at = [0, ...cuts.sort((a, b) => a - b), text.length];
    at.slice(1).forEach((end, k) => reader.push(text.slice(at[k], end)));
    assertEquals(reader.end(), readComparisons(text));
  }));
  assertEquals(counts(text).items, ["x\n1", "y", "z", 'q"q']);
});

const BAD: readonly (readonly [string, string, ReadComparisonsOptions?])[] = [
  [
    "item_a,item_b,winner\nx,y,q",
    'Cannot read line 2 as winner must be a, b, tie, both_bad or one of the two names: current value is "q"',
  ],
  [
    "item_a,item_b,winner\nx,x,a",
    'Cannot read line 2 as an item cannot be compared with itself: both are "x"; leave the row out',
  ],
  ["item_a,item_b,winner\nx,,a", "Cannot read line 2 as item_b must not be empty"],
  ["item_a,item_b,winner\nx,y", "Cannot read line 2 as it must have 3 fields like the header: it has 2"],
  [
    "item_a,item_b,wins_a,wins_b\nx,y,-1,2",
    'Cannot read line 2 as wins_a must be a whole number of at least 0: current value is "-1"; weighted votes belong one a row, with a weight column',
  ],
  [
    "item_a,item_b,wins_a,wins_b\nx,y,1,2.5",
    'Cannot read line 2 as wins_b must be a whole number of at least 0: current value is "2.5"; weighted votes belong one a row, with a weight column',
  ],
  [
    "item_a,item_b,winner,weight\nx,y,a,NaN",
    'Cannot read line 2 as weight must be a number of at least 0: current value is "NaN"',
  ],
  ["item_a,item_b,winner,order\nx,y,a,up", 'Cannot read line 2 as order must be a, b or empty: current value is "up"'],
  [
    "item_a,winner,item_a\nx,a,y",
    'Cannot read line 1 as every column needs a name of its own: "item_a" stands there twice',
  ],
  [
    "a,b\n1,2",
    "Cannot read line 1 as it must name item_a, item_b and winner, or item_a, item_b, wins_a, wins_b (and ties), or ranking: it names a, b",
  ],
  [
    "item_a,item_b,winner\n",
    "Cannot rank as the file holds no comparisons: it needs a header and a row for each comparison",
  ],
  ["", "Cannot rank as the file holds no comparisons: it needs a header and a row for each comparison"],
  [
    `item_a,item_b,winner\n${"n".repeat(10_000)},y,a`,
    "Cannot read line 2 as item_a must be at most 300 characters long: it has 10000; is the text in the wrong column?",
  ],
  ['item_a,item_b,winner\n"x,y,a', "Cannot read line 2 as its quotes must be closed"],
  ["ranking\nx>x", 'Cannot read line 2 as a ranking must name each item once: "x" stands there twice'],
  ["ranking\nx", 'Cannot read line 2 as ranking must name at least two items as x>y=z: current value is "x"'],
  [
    "item_a,item_b,winner\nx,y,a",
    'Cannot read line 1 as there must be a column "judge" to cluster by: there are item_a, item_b, winner',
    { cluster: "judge" },
  ],
  ["item_a,item_b,winner,len\nx,y,a,", "Cannot read line 2 as len must be a number: fill it in, or leave the row out", {
    covariates: ["len"],
  }],
  ['{"item_a":"x","item_b":"y","winner":"a"}\n[1]', "Cannot read line 2 as it must be a JSON object"],
  [
    '{"item_a":"x","item_b":"y","winner":"a"}\n{"item_a":"x","item_b":"y","winner":"b","weight":3}',
    'Cannot read line 2 as its field "weight" is not in the first object: give all the same fields',
  ],
  [
    '[{"item_a":"x","item_b":"y","winner":"a"},\n\n{"item_a":"x","item_b":"x","winner":"a"}]',
    'Cannot read row 2 as an item cannot be compared with itself: both are "x"; leave the row out',
  ],
  [
    "item_a,item_b,wins_a,wins_b\nx,y,2,1",
    "Cannot read line 2 as a row must hold one game for ratings in sequence: it holds 3",
    {
      sequence: true,
    },
  ],
  ["ranking\nx>y", "Cannot read line 1 as games in sequence must be comparisons of two: these are rankings", {
    sequence: true,
  }],
  [
    "item_a,item_b,winner,time\nx,y,a,yesterday",
    'Cannot read line 2 as time must be a number or a date: current value is "yesterday"',
    { sequence: true },
  ],
];

for (const [text, sentence, options] of BAD) {
  Deno.test(`refused: ${sentence.slice(0, 90)}`, () => assertEquals(sentences(text, options), [sentence]));
}

Deno.test("all bad lines are counted, the first twenty shown", () => {
  const found = sentences("item_a,item_b,winner\n" + "x,x,a\n".repeat(50));
  assertEquals(found.length, 21);
  assertEquals(found[20], "… and 30 more that cannot be read");
});

Deno.test("no text makes the reader throw", () => {
  const token = fc.constantFrom(
    "x",
    "y",
    ",",
    "\n",
    '"',
    "item_a,item_b,winner\n",
    "ranking\n",
    ">",
    "=",
    "{",
    "}",
    "[",
    "]",
    ":",
    "a",
    "tie",
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 20 }), (tokens) => {
      const result = readComparisons(tokens.join(""));
      assert(result._tag === "Right" || result.left.sentences.length > 0);
    }),
    { numRuns: 500 },
  );
});
