/** Activations of MLPs, and caps: each a forward with its vjp beside it. */
import type { Approximate, Floats } from "../kernels/kernels.ts";
import { kernels } from "../kernels/provider.ts";
import { build, empty, floats, type Tensor } from "../tensor/tensor.ts";
import { derive } from "./primitive.ts";

function like(x: Tensor, fill: (out: Floats) => void): Tensor {
  return build(x.dtype, x.shape, fill);
}

const emptyLike = (x: Tensor): Tensor => empty(x.dtype, x.shape);

/**
 * The gate of a gated MLP: silu(gate) · up, silu(x) = x·σ(x).
 *
 * @see Shazeer 2020, "GLU variants improve transformer", eq. 5
 */
export function siluGate(gate: Tensor, up: Tensor): Tensor {
  const k = kernels(gate.dtype);
  return derive(like(gate, (out) => k.siluGate(floats(gate), floats(up), out)), [gate, up], (g) => {
    const [dGate, dUp] = [emptyLike(gate), emptyLike(up)];
    k.siluGateBackward(floats(gate), floats(up), floats(g), floats(dGate), floats(dUp));
    return [dGate, dUp];
  });
}

/**
 * gelu(x) = x·Φ(x), Φ the normal distribution function, or its approximation ½x(1 + tanh(√(2/π)(x + 0.044715x³))).
 *
 * @see Hendrycks & Gimpel 2016, "Gaussian error linear units", section 2
 */
export function gelu(x: Tensor, approximate: Approximate): Tensor {
  const k = kernels(x.dtype);
  return derive(like(x, (out) => k.gelu(floats(x), out, approximate)), [x], (g) => [
    like(x, (dx) => k.geluBackward(floats(x), floats(g), dx, approximate)),
  ]);
}

/**
 * The gate of a gated MLP: gelu(gate) · up.
 *
 * @see Shazeer 2020, "GLU variants improve transformer", eq. 5
 */
export function geluGate(gate: Tensor, up: Tensor, approximate: Approximate): Tensor {
  const k = kernels(gate.dtype);
  const out = like(gate, (out) => k.geluGate(floats(gate), floats(up), out, approximate));
  return derive(out, [gate, up], (g) => {
    const [dGate, dUp] = [emptyLike(gate), emptyLike(up)];
    k.geluGateBackward(floats(gate), floats(up), floats(g), floats(dGate), floats(dUp), approximate);
    return [dGate, dUp];
  });
}

/**
 * y = cap · tanh(x / cap): nearly x where |x| is far below the cap, never beyond it.
 *
 * @see Gemma Team 2024, "Gemma 2", section 2
 */
export function softcap(x: Tensor, cap: number): Tensor {
  const k = kernels(x.dtype);
  const out = like(x, (y) => k.softcap(floats(x), y, cap));
  return derive(out, [x], (g) => [like(x, (dx) => k.softcapBackward(floats(out), floats(g), dx, cap))]);
}
