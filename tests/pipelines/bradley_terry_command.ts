/** The ranking pipeline's command line, for tests. */
import { bradleyTerry, settings } from "../../pipelines/bradley_terry.ts";
import { summary } from "../../pipelines/bradley_terry_report.ts";
import { type Printed, printed } from "./command_line.ts";

/** Whether files can be made and read. */
export const canWrite = (await Deno.permissions.query({ name: "write" })).state === "granted" &&
  (await Deno.permissions.query({ name: "read" })).state === "granted";

/** What the command line prints and returns. */
export const use = (...args: readonly string[]): Promise<Printed> =>
  printed({ pipelineOf: bradleyTerry, settings, summary }, ...args);

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
