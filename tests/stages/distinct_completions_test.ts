import { assertEquals } from "@std/assert";
import type { TokenPair } from "../../lib/data/token_pair.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { initReward } from "../../lib/model/heads.ts";
import { distinctCompletions, examplesAt } from "../../lib/stages/distinct_completions.ts";
import { logOddsOf, rewardsOf } from "../../lib/stages/reward_state.ts";
import { fold, integer, key } from "../../lib/tensor/random.ts";
import { config } from "./tiny.ts";

const row = (id: string, prompt: number[], chosen: number[], rejected: number[]): TokenPair => (
  { id, prompt: Int32Array.from(prompt), chosen: Int32Array.from(chosen), rejected: Int32Array.from(rejected) }
);

Deno.test("distinctCompletions() has each prompt and each of its completions once, and says where those of a row are", () => {
  const rows = [
    row("0", [1], [5], [6]),
    row("1", [2], [5], [7]),
    row("2", [1], [6], [8, 9]),
    row("3", [1, 2], [5], [6]),
  ];
  const { places, numbers } = distinctCompletions(rows);
  assertEquals(
    examplesAt(rows, places).map(({ prompt, completions }) => [[...prompt], completions.map((ids) => [...ids])]),
    [
      [[1], [[5], [6], [8, 9]]],
      [[2], [[5], [7]]],
      [[1, 2], [[5], [6]]],
    ],
  );
  assertEquals(places.map((own) => [...own]), [[0, 1, 5], [2, 3], [6, 7]]);
  assertEquals([...numbers], [0, 1, 3, 4, 1, 2, 5, 6]);
});

Deno.test("a prompt of very many completions is several examples, of 32 each and the rest, and nothing is lost", () => {
  const rows = Array.from({ length: 50 }, (_, i) => row(`${i}`, [1], [100 + i], [150 + i]));
  const twice = [...rows, ...rows];
  const { places, numbers } = distinctCompletions(twice), examples = examplesAt(twice, places);
  assertEquals(examples.map(({ completions }) => completions.length), [32, 32, 32, 4]);
  const all = examples.flatMap(({ completions }) => completions);
  twice.forEach(({ chosen, rejected }, i) => {
    assertEquals([all[numbers[2 * i]!], all[numbers[2 * i + 1]!]], [chosen, rejected]);
  });
});

Deno.test("log odds of rows that come again have the bits of each row alone", () => {
  const draw = (name: string, i: number): number => integer(fold(fold(key(4), name), i), 3);
  const rows = Array.from(
    { length: 40 },
    (_, i) => row(`${i}`, [1, draw("p", i)], [7, draw("c", i)], [8, draw("r", i), 3]),
  );
  const model = initReward(key(1), initDecoder(key(2), config));
  const alone = rows.map(({ prompt, chosen, rejected }) => {
    const [w, l] = rewardsOf(model, config, [{ prompt, completions: [chosen, rejected] }]) as unknown as [
      number,
      number,
    ];
    return w - l;
  });
  assertEquals(logOddsOf(model, config, rows), alone);
});
