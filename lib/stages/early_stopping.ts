/** Early stopping around any training stage: what is kept are the parameters that did best on data they never saw. */
import type { Metrics } from "../flow/event.ts";
import type { Fits } from "../flow/pipeline.ts";
import type { Context, Scan, Stage, StepContext, StepResult, StepTokens } from "../flow/stage.ts";
import { copyTrained } from "../model/trained.ts";

/** When to look, and how long to hope. */
export interface EarlyStoppingOptions<State> {
  /** The loss on data that are not trained on, of the state with what the stage has added so far. */
  readonly evalLoss: (state: State) => number;
  /** Fields of the state that this reads. */
  readonly needs: readonly (keyof State & string)[];
  /** How often to look over all steps of the stage, beside once before the first; after the last step in any case. */
  readonly evaluations: number;
  /** Looks in a row without a better loss that end the training. */
  readonly patience: number;
}

/** What is carried beside the carry of the training itself. */
interface Carry {
  readonly training: unknown;
  /** What the stage would have added where `loss` was least. */
  readonly best: object;
  readonly loss: number;
  /** Looks since then. */
  readonly since: number;
}

/** A scan whose types are known only to the stage it belongs to. */
interface Training<Needs> {
  readonly init: (state: Needs, context: Context) => { readonly carry: unknown; readonly steps: number };
  readonly step: (carry: unknown, context: StepContext<Needs>) => StepResult<unknown>;
  readonly done: (carry: unknown, state: Needs, context: Context) => object;
  readonly tokens?: ((carry: unknown, at: { readonly step: number; readonly state: Needs }) => StepTokens) | undefined;
}

/**
 * The stage with early stopping: every so often `eval_loss` is computed, the best parameters so far are kept, and after
 * `patience` looks without a better one the remaining steps are skipped. It adds the best, not the last.
 *
 * @param stage one that trains in steps, such as those of `update`
 * @param options.evalLoss may need more of the state than the stage does
 * @throws {RangeError} if evaluations or patience is not a whole number ≥ 1
 * @throws {TypeError} if the stage does not work in steps
 * @see Prechelt 1998, "Early stopping – but when?"
 */
export function earlyStopping<Needs, Adds extends object, Judged>(
  stage: Stage<Needs, Adds>,
  options: EarlyStoppingOptions<Judged>,
): Stage<Needs & Omit<Judged, keyof Adds> & Fits<Adds, Judged>, Adds> {
  const { evalLoss, evaluations, patience } = options;
  for (const [name, n] of Object.entries({ evaluations, patience })) {
    if (!(Number.isInteger(n) && n >= 1)) {
      throw new RangeError(`Cannot stop early as ${name} must be a whole number ≥ 1: current value is ${n}`);
    }
  }
  if (stage.work.type !== "scan") {
    throw new TypeError(`Cannot stop ${stage.name} early as it must work in steps: it is a ${stage.work.type}`);
  }
  type State = Needs & Omit<Judged, keyof Adds>;
  const training = stage.work as unknown as Training<State>;
  const look = (carry: unknown, state: State, context: Context): { readonly adds: object; readonly loss: number } => {
    const adds = training.done(carry, state, context);
    return { adds, loss: evalLoss({ ...state, ...adds } as unknown as Judged) };
  };
  const work: Training<State> = {
    init: (state, context) => {
      const { carry, steps } = training.init(state, context);
      const { adds, loss } = look(carry, state, context);
      return { carry: { training: carry, best: copyTrained(adds), loss, since: 0 }, steps };
    },
    step: (carry, context) => {
      const before = carry as Carry;
      if (before.since >= patience) return { carry, metrics: {} };
      const { metrics, rows, ...next } = training.step(before.training, context);
      const after = { ...before, training: next.carry };
      const told = (more: Metrics): Omit<StepResult<unknown>, "carry"> => (
        { metrics: { ...metrics, ...more }, ...rows && { rows } }
      );
      if (!isLook(context, evaluations)) return { carry: after, ...told({}) };
      const { adds, loss } = look(next.carry, context.state, context);
      const better = loss < before.loss;
      const kept = better ? { best: copyTrained(adds), loss, since: 0 } : { since: before.since + 1 };
      return { carry: { ...after, ...kept }, ...told({ eval_loss: loss }) };
    },
    done: (carry) => (carry as Carry).best,
    tokens: training.tokens && ((carry, at) => training.tokens!((carry as Carry).training, at)),
  };
  return {
    name: stage.name,
    needs: [...new Set([...stage.needs ?? [], ...options.needs])],
    adds: stage.adds ?? [],
    work: { type: "scan", ...work } as unknown as Scan,
  };
}

/** Whether to look after this step: evenly over all steps, and after the last. */
function isLook({ step, steps }: { readonly step: number; readonly steps: number }, evaluations: number): boolean {
  const looks = (n: number): number => Math.floor((n * evaluations) / steps);
  return looks(step + 1) > looks(step);
}
