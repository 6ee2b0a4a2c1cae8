/** A run that is kept: in memory here, on the disk in `out_files_test.ts`. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { command, type Terminal } from "../../pipelines/main.ts";
import { configOf } from "../../pipelines/run_folder.ts";
import { type MemoryFolder, memoryFolder, opening } from "./memory_folder.ts";
import { countdown, settings, summary } from "./countdown.ts";

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a command line writes and returns, its folders in memory. `more.signal` or `stopAt` (a step) breaks it off. */
async function use(
  line: string,
  folders: readonly MemoryFolder[],
  more: Partial<Terminal> & { readonly stopAt?: number } = {},
): Promise<Ended> {
  const [out, err]: [string[], string[]] = [[], []];
  const abort = new AbortController();
  let seconds = 0;
  const code = await command({
    args: line.split(" ").filter((word) => word !== ""),
    out: (text) => void out.push(text),
    err: (text) => {
      err.push(text);
      if (more.stopAt !== undefined && text.includes(` ${more.stopAt}/20 `)) abort.abort();
    },
    columns: null,
    signal: abort.signal,
    now: () => seconds += 0.25,
    openFolder: opening(...folders),
    ...more,
  }, { pipelineOf: countdown, settings, summary });
  return { code, out: out.join(""), err: err.join("") };
}

const kept = ["metrics.jsonl"] as const;
const sameBytes = (a: MemoryFolder, b: MemoryFolder): void => {
  for (const name of kept) assertEquals(a.text(name), b.text(name), name);
};
/** A folder with a run that was never broken. */
async function whole(flags = ""): Promise<MemoryFolder> {
  const folder = memoryFolder("runs/whole");
  assertEquals((await use(`--quiet --out runs/whole ${flags}`, [folder])).code, 0);
  return folder;
}
const checkpoints = ({ files }: MemoryFolder): readonly string[] =>
  [...files.keys()].filter((name) => name.startsWith("checkpoints/")).sort();

Deno.test("--out keeps the settings, a line for each step, the times apart, and what --json prints", async () => {
  const folder = memoryFolder("runs/a");
  const { code, out, err } = await use("--json --quiet --from 20.5 --out runs/a", [folder]);
  assertEquals([code, err], [0, ""]);
  assertEquals(JSON.parse(folder.text("config.json")), {
    ...{ pipeline: "countdown", seed: 0, backend: "wasm" },
    ...{ from: 20.5, steps: 20, sleep: 0, data: null, fault: "none" },
  });
  const lines = folder.text("metrics.jsonl").trimEnd().split("\n");
  assertEquals(lines.length, 20);
  assertEquals(lines[2], '{"path":"countdown/countDown","step":3,"steps":20,"loss":18.5}');
  assertMatch(
    folder.text("timings.jsonl"),
    /^\{"started":"20.*"\}\n\{"path":"countdown\/countDown","step":1,.*"seconds":/,
  );
  assertEquals(folder.text("summary.json"), out);
  assertStringIncludes(folder.text("report.html"), "deno run pipelines/countdown.ts --from 20.5");
  // 12 bytes before and 4 after each record: what tells the version, then the steps
  const events = folder.files.get("events.out.tfevents.logratio")!;
  let records = 0;
  for (let at = 0; at < events.length; records++) at += 16 + new DataView(events.buffer, at).getUint32(0, true);
  assertEquals(records, 1 + 20);
});

Deno.test("--config with a run's config.json repeats it, flags go before, and another pipeline's is refused by name", async () => {
  const folder = await whole("--from 9 --seed 4");
  const given = await configOf({ config: null, resume: "runs/whole" }, "countdown", opening(folder));
  assert(given._tag === "Right" && given.right?.from === 9 && given.right.seed === 4 && !("pipeline" in given.right));
  folder.files.set("config.json", new TextEncoder().encode('{"pipeline": "reward"}'));
  assertEquals(await use("--resume runs/whole", [folder]), {
    code: 2,
    out: "",
    err: "Cannot use runs/whole/config.json as it is of the pipeline reward: this is countdown\n",
  });
  folder.files.set("config.json", new TextEncoder().encode('{"form": 3, "out": "runs/b"}'));
  assertEquals(
    (await use("--resume runs/whole", [folder])).err,
    'Cannot read "form" in the config as there is no such setting: did you mean "from"?\n' +
      'Cannot read "out" in the config as there is no such setting: they are from, steps, sleep, data, fault, seed, backend, threads\n',
  );
});

Deno.test("a run that is broken off says the command that goes on, and ends with the bytes of an unbroken one", async () => {
  const unbroken = await whole();
  for (const stopAt of [2, 8, 20]) {
    const folder = memoryFolder("runs/it's");
    const broken = await use("--out runs/it's --checkpoint-every 3", [folder], { stopAt });
    assertEquals([broken.code, broken.out], [130, ""]);
    assertStringIncludes(
      broken.err,
      `Stopped in countdown/countDown after step ${stopAt} of 20\n` +
        "Go on with: deno run -R -W pipelines/countdown.ts --resume 'runs/it'\\''s' --checkpoint-every 3\n",
    );
    const rest = await use("--resume runs/it's --quiet", [folder]);
    assertEquals([rest.code, rest.err, rest.out], [0, "", "rows  twice\n────  ─────\n   7    -34\n"]);
    sameBytes(folder, unbroken);
  }
});

Deno.test("the last --keep checkpoints stay, and a damaged one falls back to the one before, saying so", async () => {
  const unbroken = await whole();
  const folder = memoryFolder("a");
  await use("--out a --checkpoint-every 3 --keep 2", [folder], { stopAt: 14 });
  assertEquals(checkpoints(folder), [12, 14].map((n) => `checkpoints/step-0000000${n}.checkpoint`));
  folder.files.get("checkpoints/step-000000014.checkpoint")![70]! ^= 1;
  const { code, err } = await use("--resume a --quiet --checkpoint-every 5", [folder]);
  assertEquals(
    [code, err],
    [
      0,
      "Cannot use a/checkpoints/step-000000014.checkpoint as it must be whole: the hash at its end is not that of its content\n" +
      "Going on from a/checkpoints/step-000000012.checkpoint\n",
    ],
  );
  sameBytes(folder, unbroken);
  assertEquals(checkpoints(folder), [12, 17].map((n) => `checkpoints/step-0000000${n}.checkpoint`));
});

Deno.test("with no good checkpoint the run begins again, saying so", async () => {
  const unbroken = await whole();
  const folder = memoryFolder("a");
  await use("--out a", [folder], { stopAt: 6 });
  folder.files.set("checkpoints/step-000000006.checkpoint", new Uint8Array(3));
  const { code, err } = await use("--resume a --quiet", [folder]);
  assertEquals(code, 0);
  assertStringIncludes(err, "Going on from the beginning as a has no checkpoint to go on from\n");
  sameBytes(folder, unbroken);
});

Deno.test("metrics that changed since a checkpoint make it unfit to go on from", async () => {
  const folder = memoryFolder("a");
  await use("--out a", [folder], { stopAt: 6 });
  folder.files.set("metrics.jsonl", new TextEncoder().encode(folder.text("metrics.jsonl").replace("3", "4")));
  assertStringIncludes(
    (await use("--resume a --quiet", [folder])).err,
    "step-000000006.checkpoint as metrics.jsonl must be as it was at the checkpoint: it has changed\nGoing on from the beg",
  );
});

Deno.test("a checkpoint of other settings is refused, naming the difference, and stays", async () => {
  const folder = memoryFolder("a");
  await use("--out a", [folder], { stopAt: 6 });
  const before = new Map(folder.files);
  assertEquals(await use("--resume a --quiet --from 4 --seed 1", [folder]), {
    code: 2,
    out: "",
    err: "Cannot resume as the checkpoint is of another run: the seed is 1, in the checkpoint 0\n" +
      "Cannot resume as the checkpoint is of another run: from is 4, in the checkpoint 3\n",
  });
  assertEquals(folder.files, before);
});

Deno.test("a folder with anything in it is not used, --overwrite replaces a run and leaves what is not its own", async () => {
  const folder = await whole();
  const before = new Map(folder.files);
  assertEquals(await use("--out runs/whole --quiet", [folder]), {
    code: 2,
    out: "",
    err: "Cannot keep the run in runs/whole as it must be empty or not there: it holds config.json; " +
      "name another folder, replace the run with --overwrite, or go on with it by --resume runs/whole\n",
  });
  assertEquals((await use("--out runs/whole --overwrite --quiet --fault input", [folder])).code, 2);
  assertEquals(folder.files, before);
  folder.files.set("notes.txt", new Uint8Array(1));
  assertEquals((await use("--out runs/whole --overwrite --quiet --from 5", [folder])).code, 0);
  assertStringIncludes(folder.text("config.json"), '"from": 5,');
  assert(folder.files.has("notes.txt"));
  const strange = memoryFolder("home");
  strange.files.set("letters.txt", new Uint8Array(1));
  assertEquals(
    (await use("--out home --overwrite", [strange])).err,
    "Cannot overwrite home as it must hold a run: it has no config.json; name another folder\n",
  );
});

Deno.test("a folder that takes no more ends the run with 1, the last checkpoint good", async () => {
  const unbroken = await whole();
  for (const place of ["metrics.jsonl", "checkpoints/step-000000010.checkpoint", "summary.json"]) {
    let writes = 0, full = true;
    const folder = memoryFolder(
      "a",
      (_, name) =>
        full && name === place && ++writes > (place === "metrics.jsonl" ? 7 : 1)
          ? "the disk is full: make room"
          : undefined,
    );
    const { code, out, err } = await use("--out a --checkpoint-every 5 --quiet", [folder]);
    assertEquals([code, out], [1, ""]);
    assertMatch(
      err,
      /^Cannot \w+ a\/.* as the disk is full: make room\nGo on with: deno run -R -W .* --resume a .*\n$/,
    );
    full = false;
    assertEquals((await use("--resume a --quiet", [folder])).code, 0, place);
    sameBytes(folder, unbroken);
  }
});

Deno.test("a folder that another process writes into is left alone; what a run killed at once left behind is in no way", async () => {
  const folder = memoryFolder("a", (action) => action === "claim" ? "taken" : undefined);
  folder.files.set("config.json", new TextEncoder().encode('{"pipeline": "countdown"}'));
  const before = new Map(folder.files);
  assertEquals(await use("--out a --overwrite --quiet", [folder]), {
    code: 2,
    out: "",
    err: "Cannot keep the run in a as another process keeps one there: wait for its end, or stop it\n",
  });
  assertEquals(folder.files, before);
  const left = memoryFolder("a");
  left.files.set("config.json.unfinished", new Uint8Array(1));
  assertEquals((await use("--out a --quiet", [left])).code, 0);
});

Deno.test("flags that contradict each other are refused, and a run that is not there is not gone on with", async () => {
  const empty = memoryFolder("a");
  const lines = {
    "--resume a --out b": "Cannot resume as there is no run in a: it has no config.json; start one with --out\n",
    "--overwrite": "Cannot use --overwrite without --out: name the folder to replace\n",
  };
  for (const [line, err] of Object.entries(lines)) {
    assertEquals(await use(line, [empty]), { code: 2, out: "", err });
  }
  const folder = await whole();
  assertEquals(
    (await use("--resume runs/whole --out b", [folder])).err,
    "Cannot use --out with --resume as the run goes on in its own folder: leave --out out\n",
  );
});

Deno.test("a run that diverges keeps its metrics and its last checkpoint", async () => {
  const folder = memoryFolder("a");
  const { code, err } = await use("--out a --checkpoint-every 2 --fault nan --quiet", [folder]);
  assertEquals(code, 1);
  assertStringIncludes(err, "loss must be finite");
  assertEquals(folder.text("metrics.jsonl").trimEnd().split("\n").length, 4);
  assertEquals(checkpoints(folder), [2, 4].map((n) => `checkpoints/step-00000000${n}.checkpoint`));
});

Deno.test("--html prints the very page that --out keeps", async () => {
  const folder = memoryFolder("a");
  const { out } = await use("--out a --html --quiet", [folder]);
  assertStringIncludes(out, "<!doctype html>");
  assertEquals(out, folder.text("report.html"));
});
