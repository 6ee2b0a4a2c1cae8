/** Ten thousand damaged files of every format: `deno run tests/evidence/mutants.ts [format…]`. */
import { key, table } from "../../mod.ts";
import { FILES, tryMutants } from "../data/mutants.ts";

const rows: string[][] = [];
for (const format of Deno.args.length > 0 ? Deno.args : Object.keys(FILES)) {
  const { read, refused, slowest, broken } = await tryMutants(key(1), format, 10_000);
  rows.push([format, String(read), String(refused), `${slowest.toFixed(0)} ms`, String(broken.length)]);
  for (const one of broken.slice(0, 5)) console.error(`${format}, ${one}`);
}
console.log(table(["format", "read", "refused", "slowest", "without a sentence"], rows));
