import { assert, assertEquals, assertMatch } from "@std/assert";
import { fold, key } from "../../lib/tensor/random.ts";
import { FILES, mutated, readBytes, tryMutants } from "./mutants.ts";

for (const format of Object.keys(FILES)) {
  Deno.test(`of 300 damaged ${format} files each is read or refused with a sentence`, async () => {
    const { read, refused, broken } = await tryMutants(key(5), format, 300);
    assertEquals(broken, []);
    assertEquals(read + refused, 300);
    assert(refused > 100, "damage must be seen");
  });
}

for (const mutant of [2499, 2796]) {
  Deno.test(`parquet whose runs claim a billion values is refused before it fills the memory: mutant ${mutant}`, async () => {
    const files = FILES.parquet!, file = files[mutant % files.length]!;
    const result = await readBytes("parquet", mutated(fold(key(1), mutant), file));
    const sentence = result._tag === "Left" ? result.left.sentences[0] ?? "" : "";
    assertMatch(
      sentence,
      /^Cannot read file as it must be a whole parquet file: a run claims to have \d{6,} values of \d+$/,
    );
  });
}
