/** What a diagnosis says, as one JSON document and to read. */
import type { Finding, Severity } from "../mod.ts";
import type { Diagnosis, Patient } from "./doctor.ts";
import type { Summary } from "./main.ts";

/** Columns of a line, and names of rows shown; `--json` has all. */
const [WIDTH, SHOWN] = [100, 12];

/** Findings for `--json`, and to read; any finding sets the exit code. */
export function doctorSummary({ findings, loaded: { report }, source }: Patient & Diagnosis): Summary {
  const head = `${counted(report.rows, "row")} in ${source}: ${tallyOf(findings)}`;
  const shape = report.source?.shape;
  return {
    json: { rows: report.rows, ...shape && { shape: shape.name }, findings },
    table: [
      head,
      ...shape ? [`${shape.sentence}.`] : [],
      ...findings.map((finding, i) => shown(finding, findings[i + 1]?.remedy)),
    ].join("\n\n"),
    exit: findings.length > 0 ? 1 : 0,
  };
}

function tallyOf(findings: readonly Finding[]): string {
  if (findings.length === 0) return "nothing found";
  const of = (severity: Severity): readonly string[] => {
    const n = findings.filter((finding) => finding.severity === severity).length;
    return n === 0 ? [] : [counted(n, severity)];
  };
  return `${counted(findings.length, "finding")}: ${[...of("error"), ...of("warning"), ...of("note")].join(", ")}`;
}

/** One finding; a remedy that the next one shares is said there. */
function shown({ kind, severity, count, rows, sentence, remedy }: Finding, next?: string): string {
  const more = count > SHOWN ? ` and ${(count - SHOWN).toLocaleString("en-US")} more` : "";
  return [
    `${severity.toUpperCase()} ${kind}`,
    ...wrapped(sentence),
    ...wrapped(`Look at ${count === 1 ? "row" : "rows"} ${rows.slice(0, SHOWN).join(", ")}${more}.`),
    ...remedy === next ? [] : wrapped(`→ ${remedy}`),
  ].join("\n");
}

/** Lines of a text, broken at blanks and indented. */
function wrapped(text: string): readonly string[] {
  const lines: string[] = [];
  let line = " ";
  for (const word of text.split(" ")) {
    if (line.length + word.length >= WIDTH && line.trim() !== "") [line] = [" ", lines.push(line)];
    line += ` ${word}`;
  }
  return [...lines, line];
}

function counted(n: number, noun: string): string {
  return `${n.toLocaleString("en-US")} ${noun}${n === 1 ? "" : "s"}`;
}
