/** The few distribution functions that intervals and tests need. */

/** log Γ(x) for x > 0 (Lanczos, g = 7, about 15 digits). */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const sum = LANCZOS.reduce((s, c, k) => s + c / (x - 1 + k + 1), 0.99999999999980993);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

const LANCZOS = [
  676.5203681218851,
  -1259.1392167224028,
  771.32342877765313,
  -176.61502916214059,
  12.507343278686905,
  -0.13857109526572012,
  9.9843695780195716e-6,
  1.5056327351493116e-7,
] as const;

/** P(X > x) for X chi-squared with `df` degrees of freedom: the regularised upper incomplete gamma Q(df/2, x/2). */
export function chiSquareTail(x: number, df: number): number {
  if (!(df > 0)) throw new RangeError(`Cannot compute chiSquareTail as df must be > 0: current value is ${df}`);
  if (x <= 0) return 1;
  const a = df / 2, z = x / 2;
  const front = Math.exp(a * Math.log(z) - z - logGamma(a));
  if (z < a + 1) { // series for the lower half
    let term = 1 / a, sum = term;
    for (let k = 1; term > sum * 1e-17; k++) sum += term *= z / (a + k);
    return 1 - front * sum;
  }
  let b = z + 1 - a, c = 1e300, d = 1 / b, h = d; // Lentz's continued fraction for the upper half
  for (let k = 1; k < 10_000; k++) {
    const an = -k * (k - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return front * h;
}

/** P(|Z| > |z|) for a standard normal Z. */
export function twoSidedTail(z: number): number {
  return chiSquareTail(z * z, 1);
}

/** Φ(z), the standard normal distribution function. */
export function normalBelow(z: number): number {
  return z < 0 ? twoSidedTail(z) / 2 : 1 - twoSidedTail(z) / 2;
}

/** The z with P(|Z| > z) = p: 1.96 for 0.05. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p <= 1)) {
    throw new RangeError(`Cannot compute normalQuantile as p must be in (0, 1]: current value is ${p}`);
  }
  let low = 0, high = 40;
  for (let k = 0; k < 90; k++) {
    const middle = (low + high) / 2;
    if (twoSidedTail(middle) > p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
