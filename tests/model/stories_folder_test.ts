/** stories260K as a folder in Hugging Face's form, where its file and figures lie beside the checkout. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { decodeCompletion, encodePrompt, endsOf, generate, key, loadModel, loadPolicy } from "../../mod.ts";
import { score, settings } from "../../pipelines/score.ts";
import { scoreSummary } from "../../pipelines/score_summary.ts";
import { printed } from "../pipelines/command_line.ts";
import { finished } from "../stages/tiny.ts";
import { llama2cFiles, writeFiles } from "./llama2c_files.ts";

const shared = new URL("../../../shared/", import.meta.url);
const granted = (await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name }))))
  .every(({ state }) => state === "granted");
const ignore = !granted || !await Deno.stat(new URL("data/tok512.bin", shared)).then(() => true, () => false);

interface Figures {
  readonly greedy_prompt: { readonly token_ids: readonly number[]; readonly prompt: string };
  readonly encodings: readonly { readonly text: string; readonly ids: readonly number[] }[];
  readonly sequences: readonly {
    readonly ids: readonly number[];
    readonly token_log_probs: readonly number[];
    readonly sum_log_prob: number;
  }[];
}

Deno.test({
  name:
    "shared reference: stories260K in a folder has llama2.c's ids, log-probs and greedy text, through loadModel and score",
  ignore,
  fn: async () => {
    const read = (path: string): Promise<Uint8Array<ArrayBuffer>> => Deno.readFile(new URL(path, shared));
    const figures: Figures = JSON.parse(await Deno.readTextFile(new URL("reference/lm/stories260K.json", shared)));
    const folder = await Deno.makeTempDir();
    await writeFiles(folder, llama2cFiles(await read("data/stories260K.bin"), await read("data/tok512.bin")));
    const { state } = await finished(loadPolicy(() => loadModel(folder), { name: folder }), {});
    const { config, policy, tokenizer } = state;
    for (const { text, ids } of figures.encodings) assertEquals([...encodePrompt(tokenizer, text)], [...ids], text);
    const { prompt, token_ids: expected } = figures.greedy_prompt;
    const start = encodePrompt(tokenizer, prompt);
    const options = { key: key(0), ...endsOf(tokenizer), maxNewTokens: 40, temperature: 0 };
    const said = generate({ config, params: policy }, [start], options)[0]![0]!;
    assertEquals([...start, ...said.ids], expected.slice(0, start.length + said.ids.length));
    assert(decodeCompletion(tokenizer, said.ids).length > 40);
    const rows = figures.sequences.map(({ ids }) => (
      JSON.stringify({ prompt_ids: ids.slice(0, 1), completion_ids: ids.slice(1) })
    ));
    await Deno.writeTextFile(`${folder}/rows.jsonl`, rows.join("\n"));
    const line = `--model ${folder} --data ${folder}/rows.jsonl --json --quiet`.split(" ");
    const { code, err, out } = await printed({ pipelineOf: score, settings, summary: scoreSummary }, ...line);
    assertEquals([code, err], [0, ""]);
    const found = JSON.parse(out).rows as { completion: { logp: number; tokens: number[] } }[];
    found.forEach(({ completion: { logp, tokens } }, i) => {
      const { sum_log_prob: sum, token_log_probs: each } = figures.sequences[i]!;
      assertLess(Math.abs(logp - sum), 1e-4 * Math.abs(sum));
      assertEquals(tokens.length, each.length);
      tokens.forEach((t, k) => assertLess(Math.abs(t - each[k]!), 1e-4));
    });
    await Deno.remove(folder, { recursive: true });
  },
});
