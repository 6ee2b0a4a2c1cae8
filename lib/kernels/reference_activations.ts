/** Activations of MLPs, and caps, as plain loops. */

import type { Approximate, Floats } from "./kernels.ts";

/** 1/(1 + e⁻ˣ), without overflow. */
export const sigmoid = (x: number): number => x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));

/** `Kernels.siluGate` as plain loops. */
export function siluGate(gate: Floats, up: Floats, out: Floats): void {
  for (let i = 0; i < out.length; i++) out[i] = gate[i]! * sigmoid(gate[i]!) * up[i]!;
}

/** `Kernels.siluGateBackward` as plain loops. */
export function siluGateBackward(gate: Floats, up: Floats, g: Floats, dGate: Floats, dUp: Floats): void {
  for (let i = 0; i < g.length; i++) {
    const x = gate[i]!;
    const s = sigmoid(x);
    const dOut = g[i]!;
    dGate[i] = dOut * up[i]! * s * (1 + x * (1 - s));
    dUp[i] = dOut * x * s;
  }
}

/**
 * erf x = 2/√π · e^(−x²) · Σ_n 2ⁿ x^(2n+1) / (1·3·5 ⋯ (2n+1)): no term is negative, so no digit is lost.
 *
 * @see Abramowitz & Stegun 1964, 7.1.6
 */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x); // the rest is below half a unit in the last place
  let [sum, term] = [0, x];
  for (let n = 1; Math.abs(term) > Number.EPSILON / 4 * Math.abs(sum); n++) {
    sum += term;
    term *= 2 * x * x / (2 * n + 1);
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

const SLOPE = 2 * Math.sqrt(2 / Math.PI);
const CUBE = 0.044715;

/**
 * The share of x that gelu lets through, and its derivative: Φ(x), or σ(2u) as ½(1 + tanh u) = σ(2u),
 * u = √(2/π)(x + 0.044715x³).
 */
const shares: Readonly<Record<Approximate, (x: number) => readonly [share: number, slope: number]>> = {
  none: (x) => [(1 + erf(x * Math.SQRT1_2)) / 2, Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI)],
  tanh: (x) => {
    const s = sigmoid(SLOPE * (x + CUBE * x ** 3));
    return [s, s * (1 - s) * SLOPE * (1 + 3 * CUBE * x * x)];
  },
};

/** `Kernels.gelu` as plain loops. */
export function gelu(x: Floats, out: Floats, approximate: Approximate): void {
  for (let i = 0; i < out.length; i++) out[i] = x[i]! * shares[approximate](x[i]!)[0];
}

/** `Kernels.geluBackward` as plain loops. */
export function geluBackward(x: Floats, g: Floats, dx: Floats, approximate: Approximate): void {
  for (let i = 0; i < g.length; i++) {
    const [share, slope] = shares[approximate](x[i]!);
    dx[i] = g[i]! * (share + x[i]! * slope);
  }
}

/** `Kernels.geluGate` as plain loops. */
export function geluGate(gate: Floats, up: Floats, out: Floats, approximate: Approximate): void {
  for (let i = 0; i < out.length; i++) out[i] = gate[i]! * shares[approximate](gate[i]!)[0] * up[i]!;
}

/** `Kernels.geluGateBackward` as plain loops. */
export function geluGateBackward(
  gate: Floats,
  up: Floats,
  g: Floats,
  dGate: Floats,
  dUp: Floats,
  approximate: Approximate,
): void {
  for (let i = 0; i < g.length; i++) {
    const [x, dOut] = [gate[i]!, g[i]!];
    const [share, slope] = shares[approximate](x);
    dGate[i] = dOut * up[i]! * (share + x * slope);
    dUp[i] = dOut * x * share;
  }
}

/** `Kernels.softcap` as plain loops. */
export function softcap(x: Floats, out: Floats, cap: number): void {
  for (let i = 0; i < out.length; i++) out[i] = cap * Math.tanh(x[i]! / cap);
}

/** `Kernels.softcapBackward` as plain loops. */
export function softcapBackward(y: Floats, g: Floats, dx: Floats, cap: number): void {
  for (let i = 0; i < dx.length; i++) dx[i] = g[i]! * (1 - (y[i]! / cap) ** 2);
}
