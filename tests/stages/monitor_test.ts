import { assertAlmostEquals, assertEquals } from "@std/assert";
import { repeat } from "../../lib/flow/pipeline.ts";
import { monitor } from "../../lib/stages/monitor.ts";
import { promptOf, rolloutOf } from "./rollouts.ts";
import { finished } from "./tiny.ts";

const [x, y, z] = [..."xyz"].map(promptOf) as [
  ReturnType<typeof promptOf>,
  ReturnType<typeof promptOf>,
  ReturnType<typeof promptOf>,
];
const rollouts = [rolloutOf("ab", { prompt: x }), rolloutOf("a", { prompt: y }), rolloutOf("a", { prompt: z })];
const scores = Float64Array.of(1, 2, 6);

Deno.test("monitor() adds the means of each iteration's rollouts to the curve, with their errors", async () => {
  const truth = (_: unknown, completion: string): number => completion.length;
  const { state, metrics } = await finished(repeat("twice", 2, monitor({ truth })), { rollouts, scores });
  assertEquals(state.curve.map(({ iteration }) => iteration), [0, 1]);
  const [point] = state.curve;
  const near = (found: number | null | undefined, wanted: number): void =>
    assertAlmostEquals(found ?? NaN, wanted, 1e-12);
  near(point?.proxy, 3);
  near(point?.proxyError, Math.sqrt((4 + 1 + 9) / 2 / 3));
  near(point?.gold, 4 / 3);
  near(point?.goldError, 1 / 3);
  near(point?.kl, 2 * Math.LN2 / 3); // "ab" is as likely as under the reference, "a" twice as likely
  near(point?.length, 7 / 3);
  near(point?.diversity, 2 / 3);
  near(point?.entropy, (3 * Math.log(2) + 4 * Math.log(4)) / 7); // three a's, a b and three ends
  near(metrics[0]?.gold, 4 / 3);
});

Deno.test("monitor() knows no gold where there is no truth", async () => {
  const { state, metrics } = await finished(monitor(), { rollouts, scores });
  assertEquals([state.curve[0]?.gold, metrics[0]?.gold], [undefined, undefined]);
});

Deno.test("monitor() warns of empty completions, and of a policy with one answer to everything", async () => {
  const warnings = async (texts: readonly string[]): Promise<readonly string[]> => {
    const all = texts.map((text, i) => rolloutOf(text, { prompt: [x, y, z][i] as typeof x }));
    const { events } = await finished(monitor(), { rollouts: all, scores });
    return events.flatMap((e) => e.type === "warning" ? [e.message] : []);
  };
  assertEquals(await warnings(["a", "b", "a"]), []);
  assertEquals(await warnings(["a", "", "b"]), ["1 of 3 completions are empty, the first to the prompt of y."]);
  assertEquals(await warnings(["a", "a", "a"]), [
    "The policy gives one answer to all 3 prompts: it has collapsed. A larger klCoef or an entropy bonus helps.",
  ]);
});

Deno.test("monitor() tells the truth of each prompt and its own reply", async () => {
  const truth = (prompt: unknown, completion: string): number => completion.length * (prompt === "x" ? 10 : 1);
  const { state } = await finished(monitor({ truth }), { rollouts, scores });
  assertAlmostEquals(state.curve[0]?.gold ?? NaN, (20 + 1 + 1) / 3, 1e-12);
});

Deno.test("monitor() sees one answer to everything whatever its number, and to a single prompt", async () => {
  const warnings = async (n: number, prompt: (i: number) => typeof x): Promise<readonly string[]> => {
    const all = Array.from({ length: n }, (_, i) => rolloutOf("a", { prompt: prompt(i) }));
    const { events } = await finished(monitor(), { rollouts: all, scores: new Float64Array(n) });
    return events.flatMap((e) => e.type === "warning" ? [e.message] : []);
  };
  const advice = "it has collapsed. A larger klCoef or an entropy bonus helps.";
  // 49 · (1/49) is not 1 in floating point.
  assertEquals(await warnings(49, (i) => i % 2 === 0 ? x : y), [
    `The policy gives one answer to all 2 prompts: ${advice}`,
  ]);
  assertEquals(await warnings(4, () => x), [`The policy gives one answer 4 times: ${advice}`]);
  assertEquals(await warnings(1, () => x), []);
});
