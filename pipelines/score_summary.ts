/** What a model makes of completions, as one JSON document and as a table. */
import { fixed, type ReplyLogpsState, type ReplyRowState, reportText, type RowLogps, shareWon, table } from "../mod.ts";
import type { Summary } from "./main.ts";
import { shareText } from "./report_sections.ts";

/** The state at the end of `score`. */
export type Scored = ReplyLogpsState & Pick<ReplyRowState, "report">;

/** Rows in the table; all are in the JSON. */
const SHOWN = 20;

/** A line for each completion of a row. */
function lines({ id, replies }: RowLogps): readonly (readonly (string | number)[])[] {
  return Object.entries(replies).map(([name, { logp, tokens }], i) => [
    i === 0 ? id : "",
    name,
    tokens.length,
    fixed(logp, 3),
    fixed(logp / tokens.length, 3),
    fixed(Math.min(...tokens), 2),
  ]);
}

/** Means over all rows, and which of two completions the model finds likelier. */
function figures(rows: readonly RowLogps[]): readonly (readonly string[])[] {
  const names = Object.keys(rows[0]?.replies ?? {});
  const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
  const means = names.map((name) => {
    const all = rows.flatMap(({ replies }) => replies[name] ?? []);
    const tokens = all.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const a = mean(all.map(({ logp }) => logp)), perToken = all.reduce((sum, { logp }) => sum + logp, 0) / tokens;
    return [`mean log-prob, ${name}`, `${fixed(a)} nats, ${fixed(perToken)} a token`];
  });
  const margins = rows.flatMap(({ replies: { chosen, rejected } }) =>
    chosen && rejected ? [chosen.logp - rejected.logp] : []
  );
  const likelier = margins.length === 0 ? [] : [["chosen is the likelier", shareText(shareWon(margins))]];
  return [...means, ...likelier];
}

/** The end of scoring: `json` for `--json`, with every row's `{ logp, tokens }` in nats, `table` to read. */
export function scoreSummary({ replyLogps, report }: Scored): Summary {
  const shown = replyLogps.slice(0, SHOWN), more = replyLogps.length - shown.length;
  const rows = table(
    ["row", "completion", "tokens", "log-prob", "a token", "least likely token"],
    shown.flatMap(lines),
  );
  return {
    json: { rows: replyLogps.map(({ id, replies }) => ({ id, ...replies })) },
    table: [
      reportText(report),
      more > 0 ? `${rows}\n… and ${more.toLocaleString("en-US")} more rows: --json has them all, token by token` : rows,
      table(["figure", "value"], figures(replyLogps)),
    ].join("\n\n"),
  };
}
