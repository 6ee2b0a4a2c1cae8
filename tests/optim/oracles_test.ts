/** Optimizers and schedules held to PyTorch's numbers (`fixtures/oracles/optim.json`) and to 60-digit arithmetic. */
import torch from "../../fixtures/oracles/optim.json" with { type: "json" };
import { adamw } from "../../lib/optim/adamw.ts";
import { clipByGlobalNorm, globalNorm } from "../../lib/optim/clip.ts";
import { constantSchedule, cosineSchedule, dpoAuthorsWarmup, linearSchedule } from "../../lib/optim/schedule.ts";
import { applyUpdates, chain, type Transform } from "../../lib/optim/transform.ts";
import { type Dtype, type Tensor, tensor } from "../../lib/tensor/tensor.ts";
import { assertNear, inEachPrecision, type Numbers, oracle } from "../oracles.ts";

/** A matrix and a bias, as numbers and as tensors. */
type Layer<T> = Readonly<Record<"W" | "b", T>>;
interface Figures {
  readonly W: readonly (readonly number[])[];
  readonly b: readonly number[];
}

/** What PyTorch's optimizer left behind. */
interface Recorded {
  readonly after_each_step: readonly Figures[];
  readonly norms_before_clipping?: readonly number[];
  readonly learning_rates?: readonly number[];
}

type Metrics = Readonly<Record<string, number>>;

function tensors({ W, b }: Figures, dtype: Dtype): Layer<Tensor> {
  return { W: tensor([3, 4], W.flat(), dtype), b: tensor([4], b, dtype) };
}

/** The numbers of a layer in one row. */
function numbers(layer: Layer<Tensor>): number[] {
  return [...layer.W.data, ...layer.b.data];
}

/** Params and metrics after each step of an optimizer over the given gradients. */
function follow<S>(optimizer: Transform<S>, dtype: Dtype): readonly { params: number[]; metrics: Metrics }[] {
  let params = tensors(torch.initial, dtype);
  let state = optimizer.init(params);
  return torch.gradients.map((gradient) => {
    const { updates, metrics, ...next } = optimizer.update(tensors(gradient, dtype), state, params);
    state = next.state;
    params = applyUpdates(params, updates);
    return { params: numbers(params), metrics };
  });
}

const lr = 0.01;
const everywhere = { weightDecay: 0.01, decays: () => true };
const warmed = cosineSchedule({ lr, warmup: 3, steps: 10 });
const optimizers: Readonly<Record<keyof typeof torch.optimizers, (dtype: Dtype) => ReturnType<typeof follow>>> = {
  adamw: (dtype) => follow(adamw({ lr, ...everywhere }), dtype),
  adamw_no_decay: (dtype) => follow(adamw({ lr, beta2: 0.95, eps: 1e-6 }), dtype),
  adamw_decay_on_W_only: (dtype) => follow(adamw({ lr, weightDecay: 0.1 }), dtype),
  adamw_clip_1: (dtype) => follow(chain(clipByGlobalNorm(1), adamw({ lr, ...everywhere })), dtype),
  adamw_clip_1_cosine_warmup_3: (dtype) =>
    follow(chain(clipByGlobalNorm(1), adamw({ lr: warmed, ...everywhere })), dtype),
};

for (const name of Object.keys(optimizers) as (keyof typeof optimizers)[]) {
  inEachPrecision(`ten steps of ${name} are PyTorch's`, ({ dtype, near }) => {
    const expected: Recorded = torch.optimizers[name];
    const steps = optimizers[name](dtype);
    near(steps.map((step) => step.params), expected.after_each_step.map(({ W, b }) => [...W.flat(), ...b]));
    const metric = (name: string): number[] => steps.map((step) => step.metrics[name] as number);
    near(metric("learning_rate"), expected.learning_rates ?? steps.map(() => lr));
    if (expected.norms_before_clipping) near(metric("grad_norm"), expected.norms_before_clipping);
  });
}

inEachPrecision("adamw() has the params of adamw_torch after each step", ({ dtype, near }) => {
  type Inputs = { params: number[]; grads: number[][] } & Record<"lr" | "beta1" | "beta2" | "eps", number>;
  const { inputs, expected } = oracle<Inputs & { weight_decay: number }, { params_per_step: number[][] }>(
    "adamw_torch",
  );
  const { beta1, beta2, eps } = inputs;
  const optimizer = adamw({ lr: inputs.lr, beta1, beta2, eps, weightDecay: inputs.weight_decay, decays: () => true });
  let params = { p: tensor([2], inputs.params, dtype) };
  let state = optimizer.init(params);
  inputs.grads.forEach((g, step) => {
    const result = optimizer.update({ p: tensor([2], g, dtype) }, state, params);
    params = applyUpdates(params, result.updates);
    state = result.state;
    near(params.p.data, expected.params_per_step[step] as number[]);
  });
});

inEachPrecision("clipByGlobalNorm() is clip_grad_norm_ of PyTorch, over all tensors together", ({ dtype, near }) => {
  for (const { max_norm, norm, ...expected } of torch.clipped) {
    const grads = tensors(torch.gradients[0] as Figures, dtype);
    near(globalNorm(grads), norm);
    const { updates, metrics } = clipByGlobalNorm(max_norm).update(grads, null, grads);
    near(metrics.grad_norm as number, norm);
    near(numbers(updates), [...expected.W.flat(), ...expected.b]);
  }
});

inEachPrecision("clipByGlobalNorm() with eps 0 has the figures of grad_clip_global_norm", ({ dtype, near }) => {
  const { inputs, expected } = oracle<
    { grads: number[][]; max_norm: number },
    { norm: number; clipped: Numbers[] }
  >("grad_clip_global_norm");
  const grads = inputs.grads.map((g) => tensor([g.length], g, dtype));
  const { updates, metrics } = clipByGlobalNorm(inputs.max_norm, { eps: 0 }).update(grads, null, grads);
  near(metrics.grad_norm as number, expected.norm);
  near(updates.map((u) => u.data), expected.clipped);
});

Deno.test("schedules have the factors of transformers at every step up to their last", () => {
  const factors = torch.schedules;
  // Beyond its last step transformers' cosine rises again; ours, and its straight line, stay at 0.
  const schedules = [
    [cosineSchedule({ lr: 1, warmup: 5, steps: 20 }), factors.cosine_warmup_5_total_20, 20],
    [cosineSchedule({ lr: 1, steps: 10 }), factors.cosine_warmup_0_total_10, 10],
    [linearSchedule({ lr: 1, warmup: 5, steps: 20 }), factors.linear_warmup_5_total_20, Infinity],
    [linearSchedule({ lr: 1, steps: 10 }), factors.linear_warmup_0_total_10, Infinity],
    [constantSchedule(1, { warmup: 4 }), factors.constant_warmup_4, Infinity],
  ] as const;
  for (const [schedule, expected, last] of schedules) {
    const rates = expected.map((_, step) => schedule(step));
    assertNear(rates, expected.map((factor, step) => step > last ? 0 : factor), { rtol: 1e-12, atol: 1e-12 });
  }
});

Deno.test("dpoAuthorsWarmup() has the rates of lr_linear_warmup", () => {
  const { inputs, expected, ...tolerance } = oracle<
    { lr: number; warmup: number; steps: number[] },
    { lr: number[] }
  >("lr_linear_warmup");
  const schedule = dpoAuthorsWarmup(inputs.lr, inputs.warmup);
  assertNear(inputs.steps.map(schedule), expected.lr, tolerance);
});
