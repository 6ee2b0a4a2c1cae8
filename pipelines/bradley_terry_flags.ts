/** What the flags of the ranking pipeline ask for, and what cannot be had. */
import type { Comparisons, Covariates, ReadComparisons, SettingValues } from "../mod.ts";
import type { settings } from "./bradley_terry.ts";

type Values = SettingValues<typeof settings.fields>;

/** What the flags ask for that cannot be had together, or not on these data: a sentence, or nothing. */
export function contradiction(
  s: Values,
  data: ReadComparisons["data"],
  itemCovariates: Covariates | null,
): string | undefined {
  const { items } = data.type === "comparisons" ? data.comparisons : data.rankings;
  return anchorFault(s, items) ??
    (data.type === "rankings" ? rankingsFault(s) : dataFault(s, data.comparisons) ?? modelFault(s, itemCovariates));
}

function anchorFault(s: Values, items: readonly string[]): string | undefined {
  const anchor = anchorOf(s.anchor);
  if (s.anchor !== "" && anchor === undefined) {
    return `Cannot read --anchor as it must be NAME=number: current value is ${s.anchor}`;
  }
  if (anchor === undefined || items.includes(anchor.name)) return undefined;
  const meant = items.find((item) => item.toLowerCase() === anchor.name.trim().toLowerCase());
  const some = items.slice(0, 5).map((name) => name.slice(0, 40)).join(", ");
  return `Cannot anchor as no item is called "${anchor.name}": ` +
    (meant === undefined ? `the items are ${some}${items.length > 5 ? ", …" : ""}` : `did you mean "${meant}"?`);
}

/** Flags that mean nothing for rankings. */
function rankingsFault(s: Values): string | undefined {
  const { cluster, covariates, robust, ridge, firth, ties, order, bootstrap, perComponent, itemCovariates } = s;
  const given = {
    "--ties": ties !== "half",
    "--order": order,
    "--covariates": covariates !== "",
    "--item-covariates": itemCovariates !== null,
    "--cluster": cluster !== "",
    "--robust": robust,
    "--ridge": ridge > 0,
    "--firth": firth,
    "--per-component": perComponent,
    "--bootstrap": bootstrap > 0,
  };
  const flag = Object.entries(given).find(([, on]) => on)?.[0];
  return flag && `Cannot use ${flag} with rankings as Plackett–Luce here has no such part: leave it out`;
}

function dataFault(s: Values, { items, winsFirst, winsSecond, ties, order }: Comparisons): string | undefined {
  if (items.length < 2) return `Cannot rank as at least two items must be compared: there is ${items.length}`;
  if ([winsFirst, winsSecond, ties].every((counts) => counts.every((count) => count === 0))) {
    return "Cannot rank as no row holds a comparison: all counts or weights are 0";
  }
  if (s.order && order.every((z) => z === 0)) {
    return "Cannot estimate --order as no row says who was at home or shown first: fill the column order, or leave --order out";
  }
  const whole = [winsFirst, winsSecond, ties].every((counts) => counts.every(Number.isInteger));
  if (s.bootstrap > 0 && s.cluster === "" && !whole) {
    return "Cannot bootstrap as weights must be whole numbers: leave --bootstrap out, or draw whole clusters with --cluster";
  }
  if ((s.cluster !== "" || s.robust) && items.length > MOST_ROBUST) {
    return `Cannot compute robust errors as there may be at most ${MOST_ROBUST} items: there are ${items.length}`;
  }
  return undefined;
}

const MOST_ROBUST = 1000;

function modelFault(s: Values, itemCovariates: Covariates | null): string | undefined {
  if (s.ridge > 0 && s.firth) return "Cannot fit as --ridge and --firth exclude each other: leave one out";
  if (s.firth && s.ties !== "half") return "Cannot fit as --firth needs ties as half a win: leave --ties out";
  if (itemCovariates === null) return undefined;
  const flag = s.ridge > 0 ? "--ridge" : s.firth ? "--firth" : s.perComponent ? "--per-component" : undefined;
  if (flag !== undefined) {
    return `Cannot use ${flag} with --item-covariates as the covariates stand for the strengths: leave one out`;
  }
  const both = s.covariates.split(",").map((name) => name.trim()).find((name) => itemCovariates.names.includes(name));
  return both && `Cannot fit as a covariate must be of the items or of the comparisons: "${both}" is of both`;
}

/** The library's remedies by the names of the flags. */
export function withFlags(message: string): string {
  return message
    .replace(
      "fit with a ridge or Firth penalty, or each component by itself",
      "use --ridge 0.1, --firth or --per-component",
    )
    .replace("(order): leave it out", "the order effect: leave --order out")
    .replace("leave the order effect out", "leave --order out")
    .replace("count ties as half a win", "use --ties half");
}

/** `NAME=1000` as name and rating. */
export function anchorOf(text: string): { readonly name: string; readonly at: number } | undefined {
  const at = text.lastIndexOf("=");
  const value = at < 1 || text.slice(at + 1).trim() === "" ? NaN : Number(text.slice(at + 1));
  return Number.isFinite(value) ? { name: text.slice(0, at), at: value } : undefined;
}
