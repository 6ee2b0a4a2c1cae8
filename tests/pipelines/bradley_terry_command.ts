/** The ranking pipeline's command line, for tests. */
import { bradleyTerry, settings } from "../../pipelines/bradley_terry.ts";
import { summary } from "../../pipelines/bradley_terry_report.ts";
import { command } from "../../pipelines/main.ts";

/** Whether files can be made and read. */
export const canWrite = (await Deno.permissions.query({ name: "write" })).state === "granted" &&
  (await Deno.permissions.query({ name: "read" })).state === "granted";

/** What the command line prints and returns. */
export async function use(
  ...args: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await command({
    args,
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    columns: null,
    signal: new AbortController().signal,
    now: () => performance.now() / 1000,
  }, { pipelineOf: bradleyTerry, settings, summary });
  return { code, out: out.join(""), err: err.join("") };
}

/** The document of `--json`. */
// deno-lint-ignore no-explicit-any
export const json = async (...args: string[]): Promise<any> =>
  JSON.parse((await use(...args, "--json", "--quiet")).out);

/** The same with a file of this content as `--data`. */
export async function useFile(content: string | Uint8Array, ...args: string[]): ReturnType<typeof use> {
  const path = await Deno.makeTempFile();
  try {
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
    return await use("--data", path, "--quiet", ...args);
  } finally {
    await Deno.remove(path);
  }
}
