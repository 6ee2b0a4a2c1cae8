/** Runs that are kept on the disk, broken off from outside at random moments, and gone on with. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { contentHash } from "../../mod.ts";

const may = async (name: "read" | "write" | "run"): Promise<boolean> =>
  (await Deno.permissions.query({ name })).state === "granted";
const ignore = !(await may("read") && await may("write") && await may("run")) || Deno.build.os === "windows";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const MAIN = new URL("../../pipelines/dpo.ts", import.meta.url).pathname;
const SMALL = "--pairs 60 --prompts 30 --batch-size 4 --threads 1 --quiet --checkpoint-every 1".split(" ");

/** The main job, made small, in a process of its own that may use `folder` alone. */
function start(folder: string, ...args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--quiet", `-R=${folder}`, `-W=${folder}`, MAIN, ...SMALL, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function ended(child: Deno.ChildProcess): Promise<{ readonly code: number; readonly err: string }> {
  const { code, stderr } = await child.output();
  return { code, err: text(stderr) };
}

/** Hashes of the files that must not depend on how a run came about. */
async function bytesOf(run: string): Promise<Readonly<Record<string, string>>> {
  const model = (await Array.fromAsync(Deno.readDir(`${run}/model`))).map(({ name }) => `model/${name}`).sort();
  const names = ["config.json", "metrics.jsonl", ...model];
  const found = await Promise.all(names.map(async (name) => [name, await Deno.readFile(`${run}/${name}`)] as const));
  return Object.fromEntries(found.map(([name, bytes]) => [name, contentHash(bytes)]));
}

/** Waits for a change under a folder whose path `is` says yes to, or for the end of the process. */
async function until(folder: string, child: Deno.ChildProcess, is: (path: string) => boolean): Promise<void> {
  const watcher = Deno.watchFs(folder, { recursive: true });
  child.status.then(() => watcher.close()).catch(() => {}); // it is closed already
  for await (const { paths } of watcher) if (paths.some(is)) break;
}

/** Goes on with a run that was killed, from the beginning if it had not come to training. */
async function goOn(folder: string, run: string): Promise<{ readonly code: number; readonly err: string }> {
  const kept = await Deno.stat(`${run}/config.json`).then(() => true, () => false);
  return await ended(start(folder, kept ? "--resume" : "--out", run));
}

/** Starts a run, kills it at a random moment, every second time while a checkpoint is being written, and goes on. */
async function killed(folder: string, i: number): Promise<readonly unknown[]> {
  const run = `${folder}/killed${i}`;
  const child = start(folder, "--out", run);
  const writing = (path: string): boolean => path.startsWith(`${run}/checkpoints/`) && path.endsWith(".unfinished");
  let changes = Math.random() * (i % 2 === 0 ? 12 : 60);
  await until(folder, child, (path) => (i % 2 === 0 ? writing(path) : path.startsWith(run)) && --changes < 0);
  child.kill("SIGKILL");
  await child.output();
  const { code, err } = await goOn(folder, run);
  assert(/^($|.*Going on from )/s.test(err), err);
  return [code, "", await bytesOf(run)];
}

/** Starts a run, stops it by SIGTERM, and goes on. */
async function stopped(folder: string): Promise<readonly unknown[]> {
  const run = `${folder}/stopped`;
  const child = start(folder, "--out", run);
  await until(folder, child, (path) => path === `${run}/checkpoints/step-000000003.checkpoint`);
  child.kill("SIGTERM");
  const broken = await ended(child);
  assertEquals(broken.code, 130);
  assertMatch(
    broken.err,
    /Stopping after this step.*\nStopped in dpo\/.*\nGo on with: deno run -R -W .*dpo\.ts --resume /,
  );
  const { code, err } = await ended(start(folder, "--resume", run));
  return [code, err, await bytesOf(run)];
}

/** How often to kill; `deno test … -- 20` for more. */
const MOMENTS = Number(Deno.args[0] ?? 2);

Deno.test({
  name:
    "a run killed at random moments, or stopped by SIGTERM, and gone on with, ends with the bytes of an unbroken one",
  ignore,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const [{ code }, ...first] = await Promise.all([
      ended(start(folder, "--out", `${folder}/whole`)),
      stopped(folder),
      killed(folder, 0),
    ]);
    assertEquals(code, 0);
    const whole = await bytesOf(`${folder}/whole`);
    for (const end of first) assertEquals(end, [0, "", whole]);
    for (let i = 1; i < MOMENTS; i++) assertEquals(await killed(folder, i), [0, "", whole], `moment ${i}`);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "a folder that exists, a file in its place, a missing permission: 2, a sentence, and nothing is written",
  ignore,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    await Deno.mkdir(`${folder}/full`);
    await Deno.writeTextFile(`${folder}/full/letter.txt`, "dear");
    const cases = {
      [`${folder}/full`]: "as it must be empty or not there: it holds letter.txt; name another folder",
      [`${folder}/full/letter.txt`]: "as a part of its path is a file, not a folder",
      "/elsewhere":
        "as Deno has no permission to read and write there: run it again with -R=/elsewhere -W=/elsewhere before",
    };
    for (const [out, sentence] of Object.entries(cases)) {
      const { code, err } = await ended(start(folder, "--out", out));
      assertEquals(code, 2);
      assertStringIncludes(err, sentence);
      assertEquals(err.split("\n").length, 2);
    }
    assertEquals((await Array.fromAsync(Deno.readDir(folder))).length, 1);
    await Deno.writeTextFile(`${folder}/wrong.json`, '{"pipeline": "dpo", "bta": 3}');
    const { code, err } = await ended(start(folder, "--config", `${folder}/wrong.json`));
    assertEquals([code, err], [
      2,
      'Cannot read "bta" in the config as there is no such setting: did you mean "beta"?\n',
    ]);
    await Deno.writeTextFile(`${folder}/wrong.json`, '{"pipeline": "dpo", ');
    const cut = await ended(start(folder, "--config", `${folder}/wrong.json`));
    assertEquals(cut.code, 2);
    assert(cut.err.startsWith(`Cannot read ${folder}/wrong.json as it must be JSON: `), cut.err);
    await Deno.remove(folder, { recursive: true });
  },
});
