/** Conjugate gradients for symmetric positive (semi)definite systems given by their product with a vector. */

/** Σ a_i b_i over the length of `b`. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < b.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/**
 * Solves A x = rhs, preconditioned with A's diagonal, until the residual in the norm of D⁻¹ has fallen by `tolerance`.
 *
 * A may be singular if `rhs` lies in its range.
 *
 * @param product writes A x into its second argument
 * @returns nothing if 4 n + 100 products do not suffice
 */
export function conjugateGradients(
  product: (x: Float64Array, out: Float64Array) => void,
  diagonal: Float64Array,
  rhs: Float64Array,
  { tolerance }: { readonly tolerance: number },
): Float64Array | undefined {
  const n = diagonal.length;
  const x = new Float64Array(n), p = new Float64Array(n), image = new Float64Array(n);
  const residual = rhs.slice();
  let rho = 0;
  for (let i = 0; i < n; i++) {
    p[i] = residual[i]! / diagonal[i]!;
    rho += residual[i]! * p[i]!;
  }
  const goal = rho * tolerance * tolerance;
  for (let step = 0; rho > goal; step++) {
    if (step > 4 * n + 100) return undefined;
    product(p, image);
    const alpha = rho / dot(p, image);
    let norm = 0;
    for (let i = 0; i < n; i++) {
      x[i]! += alpha * p[i]!;
      residual[i]! -= alpha * image[i]!;
      norm += residual[i]! * residual[i]! / diagonal[i]!;
    }
    const beta = norm / rho;
    for (let i = 0; i < n; i++) p[i] = residual[i]! / diagonal[i]! + beta * p[i]!;
    rho = norm;
  }
  return Number.isFinite(rho) ? x : undefined;
}
