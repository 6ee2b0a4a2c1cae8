import { assertEquals } from "@std/assert";
import * as library from "../mod.ts";
import * as tensors from "../lib/tensor/tensor.ts";

Deno.test("mod.ts exports nothing that writes into a tensor's memory or hands it out", () => {
  const inside = ["alias", "build", "consume", "consumeAll", "empty", "floats", "livesIn", "showShape"];
  assertEquals(inside.filter((name) => !(name in tensors)), []); // the list speaks of what is there
  assertEquals([...inside, "kernels", "memory", "buffer", "allocate"].filter((name) => name in library), []);
});

/** What a program prints that is run with no permission; `root` in it is where the project is. */
async function printed(program: string): Promise<string> {
  const root = new URL("../", import.meta.url);
  const args = ["run", "--no-check", "--config", new URL("deno.json", root).pathname, "-"];
  const process = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program.replaceAll("root/", root.href)));
  await writer.close();
  const { stdout, stderr } = await process.output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test({
  name: "a program that only ranks reserves no memory for tensors, one that makes a tensor does",
  ignore: (await Deno.permissions.query({ name: "run" })).state !== "granted",
  fn: async () => {
    const program = `
      WebAssembly.Memory = class { constructor() { console.log("reserved"); throw new Error(); } };
      const { comparisons, fitStrengths, tensor } = await import("root/mod.ts");
      const games = { items: ["a", "b"], first: [0], second: [1], winsFirst: [7], winsSecond: [3] };
      console.log(fitStrengths(comparisons(games))._tag);
      try { tensor([1], [1]); } catch {}`;
    assertEquals((await printed(program)).split("\n").slice(0, 2), ["Right", "reserved"]);
  },
});
