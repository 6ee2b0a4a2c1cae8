/** Types of the part of `@std/cli` that this project uses. */
export interface ParseOptions {
  readonly "--"?: boolean;
  readonly alias?: Readonly<Record<string, string | readonly string[]>>;
  readonly boolean?: boolean | string | readonly string[];
  readonly default?: Readonly<Record<string, unknown>>;
  readonly stopEarly?: boolean;
  readonly string?: string | readonly string[];
  readonly collect?: string | readonly string[];
  readonly negatable?: string | readonly string[];
  readonly unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}
/** Parsed command line: named values, and the rest under `_`. */
export interface Args {
  readonly _: readonly (string | number)[];
  readonly [name: string]: unknown;
}
export declare function parseArgs(args: readonly string[], options?: ParseOptions): Args;
