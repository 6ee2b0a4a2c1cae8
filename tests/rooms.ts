/** The plan of the house: which room may import which, and which words belong to which room. */

/** The rooms of lib that each room may import; what those may import, it may too. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  kernels: [],
  tensor: ["kernels"],
  grad: ["tensor"],
  model: ["grad"],
  optim: ["grad"],
  losses: ["grad"],
  rl: ["grad"],
  table: [],
  data: ["tensor", "table"],
  ranking: ["tensor", "table"],
  evaluation: ["tensor"],
  diagnosis: ["data", "ranking", "evaluation"],
  flow: ["tensor"],
  stages: ["model", "optim", "losses", "rl", "data", "ranking", "evaluation", "flow"],
  report: ["flow", "evaluation"],
  io: ["flow", "data", "table", "model"],
};

/** Files of lib that are open to all. */
const OPEN = ["lib/result.ts", "lib/nearest.ts"];

/** The packages that files under a path may import. */
const PACKAGES: readonly (readonly [path: string, packages: readonly string[]])[] = [
  ["lib/kernels/", ["node:worker_threads"]],
  ["lib/io/", ["@fp-ts/core", "hyparquet", "hyparquet-compressors", "node:crypto"]],
  ["lib/data/", ["@fp-ts/core", "@huggingface/tokenizers", "@huggingface/jinja"]],
  ["lib/", ["@fp-ts/core"]],
  ["pipelines/", ["@fp-ts/core", "@std/cli"]],
];

/** Words that only files under these paths may say. */
const WORDS: readonly (readonly [word: string, pattern: RegExp, paths: readonly string[]])[] = [
  ["Deno", /\bDeno\b/, ["lib/io/", "lib/kernels/library.ts", "lib/kernels/onednn.ts", "pipelines/", "fixtures/make"]],
  ["console", /\bconsole\b/, ["pipelines/", "fixtures/make"]],
  ["Date.now", /\bDate\.now\b/, ["pipelines/", "fixtures/make"]],
  ["Math.random", /\bMath\.random\b/, []],
];

const MOST_LINES = 300;

/** A file of the project: its path from the root, and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** The text without comments; strings stay. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/.*|\/\*[\s\S]*?\*\//g,
    (_, string?: string) => string ?? "",
  );
}

/** What a module imports or re-exports from, static and dynamic. */
export function importsOf(text: string): readonly string[] {
  const found = withoutComments(text).matchAll(
    /^(?:import|export)\b[^"'`;=]*?\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"|\bimport\s*\(\s*"([^"]+)"/gm,
  );
  return Array.from(found, (match) => match.slice(1).find((specifier) => specifier !== undefined) as string);
}

/** Path, from the root, of what the file at `path` imports as `./…` or `../…`. */
function resolve(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}

/** `lib/grad/ops.ts` is in the room grad, `mod.ts` is its own; the program that makes the fixtures is a pipeline. */
function roomOf(path: string): string {
  if (path === "fixtures/make.ts") return "pipelines";
  const [first = "", second = "", ...rest] = path.split("/");
  return first === "lib" && rest.length > 0 ? second : first === "lib" ? path : first;
}

/** The rooms that `room` reaches by arrows, itself included. */
function reach(room: string): ReadonlySet<string> {
  return new Set([room, ...(ARROWS[room] ?? []).flatMap((next) => [...reach(next)])]);
}

/** Whether the file at `from` may import the file at `to`. */
export function mayImport(from: string, to: string): boolean {
  const [here, there] = [roomOf(from), roomOf(to)];
  if (here === "mod.ts") return to.startsWith("lib/");
  if (here === "pipelines") return ["pipelines", "fixtures", "mod.ts"].includes(there);
  if (here === "fixtures") return ["fixtures", "mod.ts"].includes(there);
  if (OPEN.includes(to)) return true;
  return here in ARROWS && reach(here).has(there);
}

function importFaults({ path, text }: Source): readonly string[] {
  return importsOf(text).flatMap((specifier) => {
    if (specifier.startsWith(".")) {
      const to = resolve(path, specifier);
      return mayImport(path, to) ? [] : [`${path} must not import ${to}`];
    }
    const packages = PACKAGES.find(([under]) => path.startsWith(under))?.[1] ?? [];
    return packages.some((name) => specifier === name || specifier.startsWith(`${name}/`))
      ? []
      : [`${path} must not import ${specifier}`];
  });
}

function wordFaults({ path, text }: Source): readonly string[] {
  const code = withoutComments(text);
  return WORDS.flatMap(([word, pattern, paths]) =>
    pattern.test(code) && !paths.some((under) => path.startsWith(under)) ? [`${path} must not say ${word}`] : []
  );
}

/** What any source file of the project must keep, tests too: its name and its length. */
export function shapeFaults({ path, text }: Source): readonly string[] {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const lines = text.split("\n").length - 1;
  return [
    ...(/^(utils?|helpers?|common)\.ts$/.test(name) ? [`${path} has a name that says nothing`] : []),
    ...(/^[a-z0-9_]+(\.d)?\.ts$/.test(name) ? [] : [`${path} must have a snake_case name`]),
    ...(lines > MOST_LINES ? [`${path} has ${lines} lines, ${MOST_LINES} are the most`] : []),
  ];
}

/** What a file of the library, a pipeline or a fixture does against the plan, a sentence each. */
export function faultsOf(source: Source): readonly string[] {
  return [...importFaults(source), ...wordFaults(source), ...shapeFaults(source)];
}

/** What `mod.ts` holds besides re-exports. */
export function besidesExports(text: string): string {
  return withoutComments(text).replace(/export\s+(\*|(type\s+)?\{[^}]*\})\s+from\s+"\.\/lib\/[^"]+";/g, "").trim();
}
