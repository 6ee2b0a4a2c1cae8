/**
 * Does a maximum exist? Decided on the data before any fit, from who beat whom.
 *
 * A log-likelihood of these models is concave, and it has a finite, unique maximum unless some direction in parameter
 * space never makes an observed outcome less likely. Such a direction is a solution of difference constraints
 * d_winner − d_loser ≥ …, and those are solvable exactly when a certain graph has no negative cycle.
 */
import {
  BACKWARD,
  type Components,
  FORWARD,
  graph,
  membersOf,
  strongComponents,
  weakComponents,
} from "./components.ts";
import type { Comparisons } from "./comparisons.ts";
import type { TieModel } from "./outcome_model.ts";
import { solvable } from "./difference_constraints.ts";

/** Why no finite, unique maximum exists. */
export type NoMaximumReason = "islands" | "separated" | "order effect" | "ties" | "covariates";

/** The graph of a data set and what it means for a fit. */
export interface Existence {
  /** Whether a finite, unique maximum exists. */
  readonly exists: boolean;
  /** Why not. */
  readonly reason?: NoMaximumReason;
  /** Groups whose members beat each other, directly or around a circle; an edge leads from winner to loser. */
  readonly strong: Components;
  /** Groups connected by comparisons at all. */
  readonly weak: Components;
  /** One sentence; for no maximum it names items and remedies. */
  readonly message: string;
}

/**
 * Whether the maximum-likelihood strengths exist, for the given tie model and with or without an order effect.
 *
 * - Bradley–Terry: wins (ties both ways) must connect every item with every other, in both directions.
 * - Order effect: some circle of wins must go against the advantage on balance, and some with it.
 * - Ties as a third outcome: some circle must hold more wins than ties, or all strengths and the tie parameter could
 *   run off together.
 *
 * @see Zermelo 1929; Ford 1957 (strong connection); Albert & Anderson 1984 (separation in logistic models)
 * @example
 * ```ts
 * import { comparisons, existence } from "@logratio/logratio";
 * const games = comparisons({ items: ["a", "b"], first: [0], second: [1], winsFirst: [7], winsSecond: [0] });
 * existence(games).exists; // false: b never won, so nothing keeps a's strength from growing
 * ```
 */
export function existence(data: Comparisons, { ties = "half", order = false }: {
  readonly ties?: TieModel;
  readonly order?: boolean;
} = {}): Existence {
  const { strong, weak } = winGraph(data);
  const no = (reason: NoMaximumReason, message: string): Existence => ({
    exists: false,
    reason,
    strong,
    weak,
    message,
  });
  if (weak.count > 1) return no("islands", islands(data, weak));
  if (strong.count > 1) return no("separated", separated(data, strong));
  const direction = { beaver: ties === "davidson-beaver", tie: 0 };
  if (order && (runsOff(data, { ...direction, order: 1 }) || runsOff(data, { ...direction, order: -1 }))) {
    return no("order effect", ORDER);
  }
  if (ties !== "half" && data.ties.some((t) => t > 0)) {
    const free = { ...direction, order: order ? "free" as const : 0 };
    const falls = direction.beaver && order && runsOff(data, { ...free, tie: -1 });
    if (falls || runsOff(data, { ...free, tie: 1 })) return no("ties", TIES);
  }
  return { exists: true, strong, weak, message: "The maximum exists: wins connect every item with every other." };
}

/** Who is connected with whom: strongly along wins (ties both ways), weakly by any comparison. */
export function winGraph(data: Comparisons): { readonly strong: Components; readonly weak: Components } {
  const { items, first: from, second: to, winsFirst, winsSecond, ties } = data;
  const ways = new Uint8Array(from.length);
  for (let r = 0; r < ways.length; r++) {
    ways[r] = (winsFirst[r]! + ties[r]! > 0 ? FORWARD : 0) + (winsSecond[r]! + ties[r]! > 0 ? BACKWARD : 0);
  }
  const strong = strongComponents(graph(items.length, { from, to, ways }));
  return { strong, weak: strong.count === 1 ? strong : weakComponents(items.length, { from, to, ways }) };
}

/**
 * Whether some direction d of the strengths, with the given steps of order effect o and tie parameter τ, never makes an
 * observed outcome less likely: with δ = d_i − d_j + o z and τ′ = τ (τ − |z| o / 2 for Davidson–Beaver), every win of i
 * needs δ ≥ max(0, 2 τ′) and every tie |δ| ≤ 2 τ′.
 */
function runsOff(
  data: Comparisons,
  { tie, order, beaver }: { readonly tie: number; readonly order: number | "free"; readonly beaver: boolean },
): boolean {
  const from: number[] = [], to: number[] = [], offset: number[] = [], slope: number[] = [];
  const [fixed, free] = order === "free" ? [0, 1] : [order, 0];
  // d_j − d_i ≤ o z − 2 τ′ · threshold, with the fixed part of o in the offset and the free part in the slope
  const constrain = (i: number, j: number, z: number, threshold: number): void => {
    const perOrder = z + (beaver ? threshold * Math.abs(z) : 0);
    from.push(i);
    to.push(j);
    offset.push(fixed * perOrder - 2 * tie * threshold);
    slope.push(free * perOrder);
  };
  const win = (i: number, j: number, z: number): void => {
    constrain(i, j, z, 0);
    if (tie !== 0 || beaver) constrain(i, j, z, 1);
  };
  for (let r = 0; r < data.first.length; r++) {
    const i = data.first[r]!, j = data.second[r]!, z = data.order[r]!;
    if (data.winsFirst[r]! > 0) win(i, j, z);
    if (data.winsSecond[r]! > 0) win(j, i, -z);
    if (data.ties[r]! > 0) {
      constrain(i, j, z, -1);
      constrain(j, i, -z, -1);
    }
  }
  return solvable(data.items.length, { from, to, offset, slope });
}

const REMEDY = "add comparisons, or fit with a ridge or Firth penalty, or each component by itself";
const ORDER = "No maximum exists as the order effect is infinite: no circle of wins goes against the advantage on " +
  "balance (or none goes with it); leave the order effect out, or add comparisons with the sides exchanged";
const TIES = "No maximum exists as no circle of items holds more wins than ties: strengths and tie parameter run off " +
  "to infinity together; count ties as half a win, or add comparisons";

function islands({ items }: Comparisons, weak: Components): string {
  const groups = membersOf(weak);
  const largest = groups.reduce((a, b) => b.length > a.length ? b : a);
  const others = groups.filter((g) => g !== largest).flat();
  const text = `No maximum exists as the items form ${weak.count} islands never compared with each other: ` +
    `${named(items, others)} ${others.length === 1 ? "is" : "are"} not connected with ${named(items, largest)}`;
  return `${text}; ${REMEDY}`;
}

function separated({ items }: Comparisons, strong: Components): string {
  const groups = membersOf(strong); // an edge never leads to a higher label: the last group is unbeaten, the first winless
  const best = groups[groups.length - 1]!, worst = groups[0]!;
  const [group, verb] = best.length <= worst.length ? [best, "never lost to"] : [worst, "never beat"];
  const text = `No maximum exists as ${named(items, group)} ${verb} any other item: ` +
    `${group.length === 1 ? "its strength is" : "their strengths are"} infinite, and the items fall into ` +
    `${strong.count} groups`;
  return `${text}; ${REMEDY}`;
}

/** At most five names, each at most forty characters. */
function named(items: readonly string[], members: readonly number[]): string {
  const short = (name: string): string => name.length > 40 ? `${name.slice(0, 39)}…` : name;
  const names = members.slice(0, 5).map((i) => short(items[i]!));
  return members.length > 5 ? `${names.join(", ")} and ${members.length - 5} more` : names.join(", ");
}
