/** Comparisons from a file: a small one whole, a large one piece by piece, in bounded memory. */
import {
  comparisonReader,
  type Failure,
  inputFailure,
  type ReadComparisons,
  readComparisons,
  type ReadComparisonsOptions,
  readText,
  type Result,
} from "../mod.ts";

const LARGE = 64 * 2 ** 20; // bytes

/** Reads and adds up a file of comparisons. */
export async function readComparisonFile(
  path: string,
  options: ReadComparisonsOptions,
): Promise<Result<Failure, ReadComparisons>> {
  if (await isLarge(path)) return await readStream(path, options);
  const text = await readText(path);
  return text._tag === "Left" ? text : readComparisons(text.right, options);
}

async function isLarge(path: string): Promise<boolean> {
  if (path === "" || (await Deno.permissions.query({ name: "read", path })).state !== "granted") return false;
  try {
    return (await Deno.stat(path)).size > LARGE;
  } catch {
    return false; // what is wrong with it, the reader of small files says
  }
}

async function readStream(path: string, options: ReadComparisonsOptions): Promise<Result<Failure, ReadComparisons>> {
  const reader = comparisonReader(options);
  try {
    const file = (await Deno.open(path)).readable;
    const bytes = path.endsWith(".gz") ? file.pipeThrough(new DecompressionStream("gzip")) : file;
    for await (const piece of bytes.pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))) reader.push(piece);
  } catch (error) {
    return inputFailure(
      `Cannot read ${path} as it must be whole UTF-8 text: ${error instanceof Error ? error.message : error}`,
    );
  }
  return reader.end();
}
