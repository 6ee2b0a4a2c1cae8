/** What the README claims, as functions of its text. */

/** The first code block of a language. */
export function codeBlock(markdown: string, language: string): string {
  const block = new RegExp("^```" + language + "\\n([\\s\\S]*?)^```", "m").exec(markdown)?.[1];
  if (block === undefined) throw new Error(`there is no block of ${language}`);
  return block;
}

/** Text before the first `// ` of a line of a code block that prints, and after: what it should print. */
export function promised(code: string): readonly string[] {
  return Array.from(code.matchAll(/^console\.log\(.*\); \/\/ (\S+)/gm), (match) => match[1] as string);
}

/** Targets of relative links, without what follows `#`. */
export function linksIn(markdown: string): readonly string[] {
  const targets = Array.from(markdown.matchAll(/\]\(([^)\s]+)\)/g), (match) => match[1] as string);
  return targets.filter((to) => !/^(https?:|#)/.test(to)).map((to) => to.replace(/#.*/, ""));
}

/** Names that are linked to a file of lib, `` [`dpoLoss`](lib/losses/dpo.ts) ``: exports of the library. */
export function exportsIn(markdown: string): readonly { readonly name: string; readonly path: string }[] {
  const found = markdown.matchAll(/\[`(\w+)`\]\((lib\/[^)]+)\)/g);
  return Array.from(found, (match) => ({ name: match[1] as string, path: match[2] as string }));
}

/** Pipelines that are mentioned. */
export function pipelinesIn(markdown: string): readonly string[] {
  return Array.from(markdown.matchAll(/\b(?<!tests\/)pipelines\/\w+\.ts/g), (match) => match[0]);
}

/** Flags that are given to pipelines in commands: `deno run pipelines/dpo.ts --json`. */
export function flagsIn(markdown: string): readonly { readonly path: string; readonly flag: string }[] {
  const commands = markdown.matchAll(/\b(pipelines\/\w+\.ts)((?: +(?:--[\w-]+|[\w./]+))*)/g);
  return Array.from(commands).flatMap(([, path, words]) =>
    Array.from((words as string).matchAll(/--[\w-]+/g), ([flag]) => ({ path: path as string, flag }))
  );
}

/** Tasks that are mentioned. */
export function tasksIn(markdown: string): readonly string[] {
  return Array.from(markdown.matchAll(/\bdeno task ([\w:]+)/g), (match) => match[1] as string);
}

/** Rows of the tables under a heading, header and rule left out. */
export function rowsUnder(markdown: string, heading: string): readonly string[] {
  const section = markdown.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  const tables = section.split(/\n(?=[^|])/).map((part) => part.split("\n").filter((line) => line.startsWith("|")));
  return tables.flatMap((rows) => rows.slice(2));
}

/** Whether a row of the map leads somewhere. */
export function leadsOn(row: string): boolean {
  return linksIn(row).length > 0;
}

/** The blocks between `<!-- evidence:NAME -->` and `<!-- /evidence -->`. */
export function evidenceIn(markdown: string): readonly { readonly name: string; readonly text: string }[] {
  const found = markdown.matchAll(/<!-- evidence:(\w+) -->([\s\S]*?)<!-- \/evidence -->/g);
  return Array.from(found, (match) => ({ name: match[1] as string, text: match[2] as string }));
}

/** Markdown without what a formatter may change: spaces, line breaks, rules of tables. */
export function words(markdown: string): string {
  return markdown.replace(/\s+/g, " ").replace(/\| ?-[-| ]*\|/g, "|-|").trim();
}
