/** The main job on the user's own file: what it says, and what it does not know. */
import { assert, assertEquals } from "@std/assert";
import { finish, run } from "../../mod.ts";
import { dpo, settings } from "../../pipelines/dpo.ts";
import { command } from "../../pipelines/main.ts";
import { summary } from "../../pipelines/summary.ts";
import { memoryFolder, opening } from "./memory_folder.ts";
import raw from "../../fixtures/world/pairs.json" with { type: "json" };

const may = async (name: "read" | "write", path: string): Promise<boolean> =>
  (await Deno.permissions.query({ name, path })).state === "granted";

type Ended = ReturnType<typeof summary>;

/** The end of a short run on a file. */
async function onFile(data: string, change: Partial<typeof settings.values> = {}): Promise<Ended> {
  const s = { ...settings.values, sftEpochs: 0.1, epochs: 0.1, ...change, data };
  const ended = await finish(run(dpo(s), { seed: 0, given: {} }));
  assert(ended._tag === "Right", JSON.stringify(ended));
  return summary(ended.right);
}

Deno.test({
  name: "dpo on a file of one's own, plain or gzipped, trains from nothing and leaves open what needs a known truth",
  ignore: !await may("write", Deno.cwd()),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const lines = raw.slice(0, 150).map(([prompt, chosen, rejected]) => JSON.stringify({ prompt, chosen, rejected }));
    const plain = `${folder}/pairs.jsonl`;
    await Deno.writeTextFile(plain, lines.join("\r\n"));
    await Deno.writeFile(
      `${plain}.gz`,
      new Response(new Blob([lines.join("\n")]).stream().pipeThrough(new CompressionStream("gzip"))).body!,
    );
    const [a, b] = [await onFile(plain), await onFile(`${plain}.gz`)];
    assertEquals(a.json, b.json);
    const { data, gold, winRate, kl, accuracy } = a.json as Record<string, Record<string, unknown>>;
    assertEquals([data!.pairs, data!.dropped, gold, winRate, kl], [150, 0, null, null, null]);
    assertEquals(accuracy!.bayes, null);
    assert((accuracy!.heldOut as { n: number }).n > 5);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name:
    "a kept run on data that have changed since is refused, naming what loaded them, and its folder stays as it was",
  ignore: !await may("write", Deno.cwd()),
  fn: async () => {
    const folder = await Deno.makeTempDir(), data = `${folder}/pairs.jsonl`;
    const lines = raw.slice(0, 60).map(([prompt, chosen, rejected]) => JSON.stringify({ prompt, chosen, rejected }));
    await Deno.writeTextFile(data, lines.join("\n"));
    const abort = new AbortController();
    const kept = memoryFolder("run", (action) => void (action === "append" && abort.abort()));
    const err: string[] = [];
    const use = (line: string, signal: AbortSignal): Promise<number> =>
      command({
        args: `${line} --quiet`.split(" "),
        out: () => {},
        err: (text) => void err.push(text),
        columns: null,
        signal,
        now: () => performance.now() / 1000,
        openFolder: opening(kept),
      }, { pipelineOf: dpo, settings, summary });
    assertEquals(await use(`--data ${data} --out run`, abort.signal), 130);
    const before = new Map(kept.files);
    await Deno.writeTextFile(data, lines.slice(1).join("\n"));
    err.length = 0;
    assertEquals(await use("--resume run", new AbortController().signal), 2);
    assertEquals(err, [
      "Cannot resume as dpo/loadPairs must be the same as at the checkpoint: its content hash differs\n",
    ]);
    assertEquals(kept.files, before);
    await Deno.remove(folder, { recursive: true });
  },
});

const HH = "../shared/data/hh-rlhf-harmless-test.jsonl.gz";
const hasHh = await may("read", HH) && await Deno.stat(HH).then(() => true, () => false);

Deno.test({
  name:
    "dpo on hh-rlhf names the five odd rows and the four empty replies, and reports an accuracy beside the shorter reply's",
  ignore: !hasHh,
  fn: async () => {
    const { table, json } = await onFile(HH, { sftEpochs: 0.05, epochs: 0.05 });
    assert(table.includes("4 rows dropped as a reply is empty: rows 86, 516, 925, 1103."), table);
    assert(table.includes("do not share the turns before the last: rows 1254, 1688, 1950, 1952, 2036."), table);
    const { accuracy } = json as { accuracy: Record<"heldOut" | "shorterWins", { n: number; estimate: number }> };
    assertEquals(accuracy.heldOut.n, accuracy.shorterWins.n);
    assert(accuracy.shorterWins.estimate > 0.5 && accuracy.heldOut.estimate < 0.75);
  },
});
