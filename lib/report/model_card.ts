/** A report as the README of a model's folder: what others need to know before they use it, in Markdown. */
import type { Report, Section } from "./report.ts";
import { type Cell, interval, percent } from "./table.ts";

/** What a card says beside the report of the run that made the model. */
export interface ModelFacts {
  /** Its heading. */
  readonly name: string;
  /** What it is. */
  readonly kind: "language model" | "adapter" | "reward model";
  /** The architecture, as `config.json` names it. */
  readonly architecture: string;
  /** Number of parameters, without an adapter's. */
  readonly parameters: number;
  /** How it was trained, in words. */
  readonly method: string;
  /** Words that one may search for. */
  readonly tags: readonly string[];
  /** What training began with, if that came from files; with a revision it is an id of the hub. */
  readonly base?: { readonly name: string; readonly revision?: string };
  /** What it must not be taken for, a sentence each. */
  readonly limits: readonly string[];
}

const LIBRARIES: Readonly<Record<ModelFacts["kind"], readonly [library: string, task: string]>> = {
  "language model": ["transformers", "text-generation"],
  "adapter": ["peft", "text-generation"],
  "reward model": ["transformers", "text-classification"],
};

/**
 * The model card of a run's model: front matter as the hub reads it, then method, data, results, settings and limits,
 * from the run's own report. Charts are left out, warnings are not.
 *
 * @see Mitchell et al. 2019, "Model cards for model reporting"
 * @example
 * ```ts
 * import { modelCard, noReport } from "@logratio/logratio";
 * modelCard({ ...noReport, title: "dpo" }, {
 *   name: "pebble",
 *   kind: "language model",
 *   architecture: "llama",
 *   parameters: 654_720,
 *   method: "direct preference optimisation",
 *   tags: ["dpo"],
 *   limits: ["It was made for an example."],
 * }); // ---\nlibrary_name: "transformers"…
 * ```
 */
export function modelCard({ sections, warnings }: Report, facts: ModelFacts): string {
  const { name, kind, architecture, parameters, method, base, limits } = facts;
  const part = (which: Section["part"], title: string): string => {
    const shown = sections.filter((section) => section.part === which).flatMap(markdown);
    return shown.length === 0 ? "" : `## ${title}\n\n${shown.join("\n\n")}\n\n`;
  };
  const from = base === undefined ? "from nothing" : `from ${baseText(base)}`;
  return frontMatter(facts) +
    `# ${inline(name)}\n\n${kind === "adapter" ? "An adapter for a language model" : `A ${kind}`} of ${
      parameters.toLocaleString("en")
    } parameters ` +
    `(${architecture}), trained ${from} by ${method}, with logratio.\n\n` +
    `${part("data", "Data")}${part("result", "Results")}${part("run", "Method and settings")}` +
    `## Limits\n\n${
      [...limits, ...warnings.map((one) => `The run warned: ${one}`)].map((s) => `- ${inline(s)}`).join("\n")
    }\n`;
}

/** YAML whose texts are JSON's, which it takes. */
function frontMatter({ kind, tags, base }: ModelFacts): string {
  const [library, task] = LIBRARIES[kind];
  const fields: Readonly<Record<string, unknown>> = {
    library_name: library,
    pipeline_tag: task,
    ...base?.revision !== undefined && {
      base_model: base.name,
      base_model_relation: kind === "adapter" ? "adapter" : "finetune",
    },
    tags: ["logratio", ...tags],
  };
  return `---\n${Object.entries(fields).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`).join("")}---\n\n`;
}

function baseText({ name, revision }: NonNullable<ModelFacts["base"]>): string {
  return revision === undefined
    ? inline(name)
    : `[${name}](https://huggingface.co/${name}/tree/${revision}) at ${revision.slice(0, 8)}`;
}

/** A section in Markdown; none for a drawing. */
function markdown(section: Section): readonly string[] {
  const body = bodyOf(section);
  if (body === undefined) return [];
  return [`### ${inline(section.title)}`, ...section.note === undefined ? [] : [inline(section.note)], body];
}

function bodyOf(section: Section): string | undefined {
  switch (section.type) {
    case "figures":
      return tableOf(["figure", "value", ""], section.figures.map(({ name, value, note = "" }) => [name, value, note]));
    case "table":
      return tableOf(section.header, section.rows);
    case "intervals": {
      const show = section.percent ? percent : undefined;
      const rows = section.rows.map(({ name, values }) => [name, ...values.map((of) => interval(of, show))]);
      return tableOf(["", ...section.series], rows);
    }
    case "text":
      return section.lines.map(inline).join("\n\n");
    case "code":
      return `\`\`\`sh\n${section.code}\n\`\`\``;
    default:
      return undefined; // charts and samples are in the report
  }
}

function tableOf(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]): string =>
    `| ${cells.map((cell) => inline(String(cell ?? "–"))).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

/** A text on one line that Markdown takes as it is. */
function inline(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_|<>[\]]/g, (letter) => `\\${letter}`).trim();
}
