/** The card of a model that a run made: what the report says, without the paths of the machine it ran on. */
import { lastPart, modelCard, type ModelForm, type Report, type SavedModel, type SettingFields } from "../mod.ts";
import { type About, modelFacts } from "./model_facts.ts";
import { type Ending, runReport } from "./run_report.ts";

/** The card, from what the events told of a run and what is known of its end. */
export function cardOf<F extends SettingFields>(
  model: SavedModel,
  about: About,
  { told, ending }: { readonly told: Report; readonly ending: Ending<F> },
): string {
  return modelCard(publicReport(told, ending, model.form), modelFacts(model, about));
}

/**
 * A report that others may read: files are called by their names, not by where they lie on this machine; a model of the
 * hub keeps its id.
 */
export function publicReport<F extends SettingFields>(told: Report, ending: Ending<F>, form?: ModelForm): Report {
  const { settings, values, program: _, ...rest } = ending;
  const paths = Object.entries(values).flatMap(([name, value]) => {
    const ofHub = name === "model" && form?.revision !== undefined;
    return settings.fields[name]?.isPath && typeof value === "string" && !ofHub ? [[name, value] as const] : [];
  });
  const named = Object.fromEntries(paths.map(([name, path]) => [name, lastPart(path)]));
  const spoken = (text: string): string =>
    paths.reduce((said, [, path]) => said.replaceAll(path, () => lastPart(path)), text);
  return runReport({ ...told, warnings: told.warnings.map(spoken) }, {
    ...rest,
    ...{ settings, values: { ...values, ...named } },
  });
}
