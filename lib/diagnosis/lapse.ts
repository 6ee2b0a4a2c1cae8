/** Log odds against what came of them, with a share of lapses that no log odds explain. */

/** P(right) = ε + (1 − 2ε) σ(z / T): a temperature T for the log odds z, and a lapse rate ε with its interval. */
export interface Lapse {
  /** ε, in [0, ½]. */
  readonly rate: number;
  /** Lower end of ε's 99 % interval, where the log likelihood is 3.32 below its largest. */
  readonly low: number;
  /** Upper end of it. */
  readonly high: number;
  /** 1 / T. */
  readonly inverse: number;
}

/** χ²₁(0.99) / 2: many data sets are looked at, so 95 % would cry wolf. */
const DROP = 3.317;
/** The lapse rates tried; at ½ nothing would be known. */
const RATES = Array.from({ length: 46 }, (_, i) => i / 100);
/** The values of 1 / T tried. */
const INVERSES = [0, ...Array.from({ length: 45 }, (_, i) => 2 ** ((i - 24) / 4))];
/** Bins of z: their means stand for the values in them. */
const BINS = 100;

/** P(right) of log odds z. */
export function probabilityUnder({ rate, inverse }: Pick<Lapse, "rate" | "inverse">, z: number): number {
  return rate + (1 - 2 * rate) / (1 + Math.exp(-inverse * z));
}

/**
 * The maximum of Σ log(ε + (1 − 2ε) σ(z / T)) over a grid of ε and 1/T.
 *
 * @param forecasts log odds, positive where the favoured side came out better, nats, with the weight of each
 */
export function fitLapse(forecasts: readonly Forecast[]): Lapse {
  const bins = binned(forecasts);
  const fits = RATES.map((rate) => bestInverse(bins, rate));
  const best = fits.reduce((a, b) => b.likelihood > a.likelihood ? b : a);
  const inside = fits.filter(({ likelihood }) => likelihood > best.likelihood - DROP);
  return { rate: best.rate, inverse: best.inverse, low: inside[0]!.rate, high: inside.at(-1)!.rate };
}

/** A forecast, and how many cases it stands for. */
export interface Forecast {
  /** Log odds of what came, nats. */
  readonly z: number;
  /** Weight. */
  readonly n: number;
}

/** Forecasts of nearly equal rank, by their mean. */
function binned(forecasts: readonly Forecast[]): readonly Forecast[] {
  const sorted = forecasts.toSorted((a, b) => a.z - b.z);
  const size = Math.max(1, sorted.length / BINS);
  return Array.from({ length: Math.min(BINS, sorted.length) }, (_, i) => {
    const part = sorted.slice(Math.floor(i * size), Math.floor((i + 1) * size));
    const n = part.reduce((sum, forecast) => sum + forecast.n, 0);
    return { z: part.reduce((sum, forecast) => sum + forecast.n * forecast.z, 0) / n, n };
  });
}

/** A lapse rate with the 1/T that fits it best. */
interface Fit {
  readonly rate: number;
  readonly inverse: number;
  readonly likelihood: number;
}

function bestInverse(bins: readonly Forecast[], rate: number): Fit {
  const fits = INVERSES.map((inverse): Fit => ({
    rate,
    inverse,
    likelihood: bins.reduce((sum, { z, n }) => sum + n * Math.log(probabilityUnder({ rate, inverse }, z)), 0),
  }));
  return fits.reduce((a, b) => b.likelihood > a.likelihood ? b : a);
}
