/** Ten thousand damaged files of every format: `deno run tests/evidence/mutants.ts [format…]`. */
import { key, table } from "../../mod.ts";
import { FILES, type Outcome, tryMutants } from "../data/mutants.ts";
import { tryHeaderMutants } from "../model/safetensors_mutants.ts";

/** Damages the files of a format ten thousand times. */
function tried(format: string): Promise<Outcome> | Outcome {
  return format === "safetensors" ? tryHeaderMutants(key(1), 10_000) : tryMutants(key(1), format, 10_000);
}

const rows: string[][] = [];
for (const format of Deno.args.length > 0 ? Deno.args : [...Object.keys(FILES), "safetensors"]) {
  const { read, refused, slowest, broken } = await tried(format);
  rows.push([format, String(read), String(refused), `${slowest.toFixed(0)} ms`, String(broken.length)]);
  for (const one of broken.slice(0, 5)) console.error(`${format}, ${one}`);
}
console.log(table(["format", "read", "refused", "slowest", "without a sentence"], rows));
