import { assert, assertEquals } from "@std/assert";
import { key } from "../../lib/tensor/random.ts";
import { FILES, tryMutants } from "./mutants.ts";

for (const format of Object.keys(FILES)) {
  Deno.test(`of 300 damaged ${format} files each is read or refused with a sentence`, async () => {
    const { read, refused, broken } = await tryMutants(key(5), format, 300);
    assertEquals(broken, []);
    assertEquals(read + refused, 300);
    assert(refused > 100, "damage must be seen");
  });
}
