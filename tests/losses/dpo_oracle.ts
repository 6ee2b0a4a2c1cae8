/** The oracles' DPO cases as `dpoLoss` takes them. */
import type { DpoOptions } from "../../lib/losses/dpo.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { oracle } from "../oracles.ts";

interface Inputs {
  readonly policy_chosen: number[];
  readonly policy_rejected: number[];
  readonly ref_chosen: number[];
  readonly ref_rejected: number[];
  readonly beta: number;
  readonly label_smoothing?: number;
}

/** What must come out; lists have one entry a pair. */
export interface DpoExpected {
  readonly losses: number[];
  readonly loss: number;
  readonly grad_policy_chosen: number[];
  readonly grad_policy_rejected: number[];
  readonly rewards_chosen: number[];
  readonly rewards_rejected: number[];
  readonly margins: number[];
  readonly accuracy: number;
}

/** The part of the logps that is learned. */
export type Policy = Readonly<Record<"chosen" | "rejected", Tensor>>;

/** A case: log-probabilities, options, and what must come out. */
export interface DpoOracle {
  readonly policy: Policy;
  readonly reference: Readonly<Record<"refChosen" | "refRejected", Tensor>>;
  readonly options: DpoOptions;
  readonly expected: DpoExpected;
  /** [chosen, rejected, refChosen, refRejected] of each pair. */
  readonly rows: readonly (readonly number[])[];
}

/** The DPO case of that name. */
export function dpoOracle(id: string, dtype: Dtype): DpoOracle {
  const { inputs, expected } = oracle<Inputs, DpoExpected>(id);
  const { policy_chosen: w, policy_rejected: l, ref_chosen: rw, ref_rejected: rl } = inputs;
  const column = (values: readonly number[]): Tensor => tensor([values.length], values, dtype);
  return {
    policy: { chosen: column(w), rejected: column(l) },
    reference: { refChosen: column(rw), refRejected: column(rl) },
    options: { beta: inputs.beta, labelSmoothing: inputs.label_smoothing },
    expected,
    rows: w.map((x, i) => [x, l[i], rw[i], rl[i]] as number[]),
  };
}
