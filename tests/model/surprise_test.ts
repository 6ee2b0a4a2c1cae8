import { assertAlmostEquals, assertEquals } from "@std/assert";
import { surprisals } from "../../lib/model/surprise.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { ended, unigram, untied } from "../stages/tiny.ts";

Deno.test("surprisals() are −log π of each completion token, at most 6 nats, and 0 for the prompt", () => {
  const policy = unigram({ a: 0.5, b: 0.25, c: 1e-5 });
  const batch = pack([
    { prompt: ended("c?"), completions: [ended("ab"), ended("c").slice(0, 1)] },
    { prompt: ended("b").slice(0, 1), completions: [ended("a").slice(0, 1)] },
  ]);
  const [a, b, end] = [Math.log(2), Math.log(4), -Math.log(0.25 - 1e-5)];
  const expected = [0, 0, 0, a, b, end, 6, 0, a];
  const found = surprisals(policy, untied, batch);
  assertEquals(found.length, expected.length);
  expected.forEach((x, i) => assertAlmostEquals(found[i] as number, x, 1e-5));
});
