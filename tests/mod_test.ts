import { assertEquals } from "@std/assert";
import * as library from "../mod.ts";
import * as tensors from "../lib/tensor/tensor.ts";

Deno.test("mod.ts exports nothing that writes into a tensor's memory or hands it out", () => {
  const inside = ["alias", "build", "consume", "consumeAll", "empty", "floats", "livesIn", "showShape"];
  assertEquals(inside.filter((name) => !(name in tensors)), []); // the list speaks of what is there
  assertEquals([...inside, "kernels", "memory", "allocate"].filter((name) => name in library), []);
});
