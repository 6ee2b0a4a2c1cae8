/** What figures were taken on. */

/** The machine, the engine, and how busy they are. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly deno: string;
  /** Processes that wanted a core, over the last 1, 5 and 15 minutes. */
  readonly load: readonly number[];
}

/** This machine as it is now; its processor has no name where `/proc/cpuinfo` cannot be read. */
export async function machine(): Promise<Machine> {
  const told = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return {
    cpu: told.match(/model name\s*: (.*)/)?.[1] ?? "unknown processor",
    cores: navigator.hardwareConcurrency,
    deno: Deno.version.deno,
    load: Deno.loadavg().map((x) => Math.round(100 * x) / 100),
  };
}
