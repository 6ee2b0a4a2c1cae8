/** By how much the chosen reply must win: what the training pipelines share about the margins of rows. */
import { type LoadedState, once, oneOf, type RowState, type Stage, unusedFields } from "../mod.ts";

/** Which margins are used. */
export const MARGINS = oneOf(["auto", "use", "ignore"], {
  help: "by how much chosen must win; auto: a margin of your own, in nats, but not a data set's scores",
});

/** Leaves margins where they are asked for: what a data set scores in is no unit of reward. */
export function margins(
  { margins }: { readonly margins: "auto" | "use" | "ignore" },
): Stage<RowState & LoadedState, Pick<RowState, "rows">> {
  return once("margins", ({ rows, report }: RowState & LoadedState, { emit }) => {
    if (margins === "use" || (margins === "auto" && report.source?.shape === undefined)) return { rows };
    const message = unusedFields(rows, "Scores of a data set are no unit of reward, unless --margins use says so", [
      "margin",
    ]);
    if (margins === "auto" && message !== undefined) emit({ type: "remark", message });
    return { rows: rows.map(({ margin: _, ...row }) => row) };
  }, { needs: ["rows", "report"], adds: ["rows"] });
}
