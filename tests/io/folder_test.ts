import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Folder, openFolder } from "../../lib/io/folder.ts";
import type { Failure, Result } from "../../lib/result.ts";

const states = await Promise.all((["read", "write"] as const).map((name) => Deno.permissions.query({ name })));
const may = states.every(({ state }) => state === "granted");

/** The value of a result that is one. */
function valueOf<T>(result: Result<Failure, T>): T {
  assert(result._tag === "Right", result._tag === "Left" ? result.left.sentences.join() : "");
  return result.right;
}
const faultOf = (result: Result<Failure, unknown>): string =>
  result._tag === "Left" ? result.left.sentences.join() : "";
const text = async (folder: Folder, name: string): Promise<string> =>
  new TextDecoder().decode(valueOf(await folder.read(name))!);

function files(name: string, fn: (path: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !may || Deno.build.os === "windows",
    fn: async () => {
      const path = await Deno.makeTempDir();
      await fn(path);
      await Deno.remove(path, { recursive: true });
    },
  });
}

Deno.test({
  name: "openFolder() without permission names the flags, and asks for nothing",
  ignore: may,
  fn: async () => {
    const sentence = (path: string, flags: string): string =>
      `Cannot use ${path} as Deno has no permission to read and write there: run it again with ${flags} before the script`;
    assertEquals(faultOf(await openFolder("runs/a")), sentence("runs/a", "-R=runs/a -W=runs/a"));
    assertEquals(faultOf(await openFolder("my runs")), sentence("my runs", "-R -W"));
    assertEquals(faultOf(await openFolder("")), "Cannot use a folder as its path must not be empty");
  },
});

files(
  "a folder is made with those above it; files are replaced, appended to, cut, listed and removed",
  async (path) => {
    const folder = valueOf(await openFolder(`${path}/runs/a`));
    assertEquals([valueOf(await folder.list()), valueOf(await folder.read("x"))], [null, null]);
    valueOf(await folder.make());
    assertEquals(valueOf(await folder.list()), []);
    valueOf(await folder.replace("a.txt", "first"));
    valueOf(await folder.replace("a.txt", new Uint8Array([50])));
    valueOf(await folder.replace("within/b.txt", "b"));
    valueOf(await folder.append("c.jsonl", "one\n"));
    valueOf(await folder.append("c.jsonl", "two\n"));
    valueOf(await folder.settle());
    assertEquals([await text(folder, "a.txt"), await text(folder, "c.jsonl")], ["2", "one\ntwo\n"]);
    assertEquals(valueOf(await folder.list()), ["a.txt", "c.jsonl", "within"]);
    assertEquals(valueOf(await folder.list("within")), ["b.txt"]);
    valueOf(await folder.cut("c.jsonl", 4));
    valueOf(await folder.cut("c.jsonl", 100));
    valueOf(await folder.cut("absent", 3));
    valueOf(await folder.append("c.jsonl", "three\n"));
    assertEquals(await text(folder, "c.jsonl"), "one\nthree\n");
    for (const name of ["within", "c.jsonl", "absent"]) valueOf(await folder.remove(name));
    assertEquals(valueOf(await folder.list()), ["a.txt"]);
    folder.close();
  },
);

files(
  "a full disk, a file for a folder, a folder that has gone: each is a sentence, and what was there stays",
  async (path) => {
    const folder = valueOf(await openFolder(`${path}/a`));
    assertStringIncludes(faultOf(await folder.append("x", "1")), "as the folder is no longer there");
    valueOf(await folder.make());
    valueOf(await folder.replace("good.txt", "good"));
    await Deno.symlink("/dev/full", `${path}/a/good.txt.unfinished`);
    assertStringIncludes(faultOf(await folder.replace("good.txt", "better")), "good.txt as ");
    assertEquals(await text(folder, "good.txt"), "good");
    await Deno.writeTextFile(`${path}/a/within`, "a file");
    assertEquals(
      faultOf(await folder.replace("within/b.txt", "b")),
      `Cannot write ${path}/a/within/b.txt as a part of its path is a file, not a folder`,
    );
    await Deno.remove(`${path}/a`, { recursive: true });
    assertEquals(
      faultOf(await folder.replace("good.txt", "better")),
      `Cannot write ${path}/a/good.txt as the folder is no longer there`,
    );
    assertEquals(await Deno.stat(`${path}/a`).then(() => true, () => false), false);
  },
);

files("a folder is claimed by one, until it is closed", async (path) => {
  const [mine, other] = [valueOf(await openFolder(path)), valueOf(await openFolder(path))];
  assertEquals(valueOf(await mine.claim("config.json")), true); // there is nothing to claim it by
  valueOf(await mine.replace("config.json", "{}"));
  assertEquals(valueOf(await mine.claim("config.json")), true);
  assertEquals(valueOf(await other.claim("config.json")), false);
  other.close();
  mine.close();
  const third = valueOf(await openFolder(path));
  assertEquals(valueOf(await third.claim("config.json")), true);
  third.close();
});
