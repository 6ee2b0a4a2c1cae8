/** A pipeline's command line in a pipe, for tests. */
import type { SettingFields } from "../../mod.ts";
import { command, type Program } from "../../pipelines/main.ts";

/** What a command line prints and returns. */
export interface Printed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What a program prints and returns, given these arguments. */
export async function printed<F extends SettingFields, Adds extends object>(
  program: Program<F, Adds>,
  ...args: readonly string[]
): Promise<Printed> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await command({
    args,
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    columns: null,
    signal: new AbortController().signal,
    now: () => performance.now() / 1000,
  }, program);
  return { code, out: out.join(""), err: err.join("") };
}
