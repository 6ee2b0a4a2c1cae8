/**
 * Event files as TensorBoard reads them: records of bytes, each an `Event` message of its protocol.
 *
 * A file is the bytes of `tensorboardStart` and then of any number of `tensorboardScalars`, under a name that holds
 * `tfevents`.
 *
 * @see https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
 */
import type { Event } from "../flow/event.ts";

/** Figures at one moment. */
export interface Scalars {
  /** Seconds since 1970. */
  readonly wallTime: number;
  /** Where on the axis of steps: a non-negative integer. */
  readonly step: number;
  /** By tag: what comes before the first `/` groups them. Stored as 32-bit floats. */
  readonly values: Readonly<Record<string, number>>;
}

const UTF8 = new TextEncoder();

/** The first record of a file. */
export function tensorboardStart(wallTime: number): Uint8Array<ArrayBuffer> {
  return record([...double(1, wallTime), ...bytes(3, UTF8.encode("brain.Event:2"))]);
}

/**
 * A record with figures.
 *
 * @throws {RangeError} if the step is not a non-negative integer
 * @example
 * ```ts
 * import { tensorboardScalars, tensorboardStart } from "@logratio/logratio";
 * const now = 1.7e9;
 * const file = [tensorboardStart(now), tensorboardScalars({ wallTime: now, step: 1, values: { loss: 0.69 } })];
 * ```
 */
export function tensorboardScalars({ wallTime, step, values }: Scalars): Uint8Array<ArrayBuffer> {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new RangeError(
      `Cannot write figures for TensorBoard as their step must be a non-negative integer: current value is ${step}`,
    );
  }
  const summary = Object.entries(values).flatMap(([tag, value]) =>
    bytes(1, [...bytes(1, UTF8.encode(tag)), ...float(2, value)])
  );
  return record([...double(1, wallTime), ...varint(2 << 3), ...varint(step), ...bytes(5, summary)]);
}

/**
 * The figures of an event, if it has any: tags of the path and the metric's name, and the steps of all iterations of a
 * repeat in one row.
 */
export function scalarsOf(event: Event): Omit<Scalars, "wallTime"> | null {
  if (event.type !== "step" || Object.keys(event.metrics).length === 0) return null;
  const { path, step, steps, metrics } = event;
  const at = path.findLastIndex((part) => typeof part === "number");
  const stage = path.filter((_, i) => i !== at).slice(1);
  return {
    step: at < 0 ? step : Number(path[at]) * steps + step,
    values: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [[...stage, name].join("/"), value])),
  };
}

/** Length and data, each followed by its masked checksum. */
function record(data: readonly number[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(data.length + 16);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(crc32c(out.subarray(0, 8))), true);
  out.set(data, 12);
  view.setUint32(12 + data.length, masked(crc32c(out.subarray(12, 12 + data.length))), true);
  return out;
}

/** The checksum of Castagnoli's polynomial, bits reflected: of the ASCII digits 1 to 9 it is 0xe3069283. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A checksum turned and shifted, so that checksums of checksums do not cancel. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** An integer from 0 to 2⁵³, seven bits a byte, the low ones first. */
function varint(x: number): readonly number[] {
  return x < 128 ? [x] : [x % 128 + 128, ...varint(Math.floor(x / 128))];
}

/** A field of the protocol: its number, length and bytes. */
function bytes(field: number, data: Uint8Array | readonly number[]): readonly number[] {
  return [...varint(field << 3 | 2), ...varint(data.length), ...data];
}

function double(field: number, x: number): readonly number[] {
  return [...varint(field << 3 | 1), ...new Uint8Array(Float64Array.of(x).buffer)];
}

function float(field: number, x: number): readonly number[] {
  return [...varint(field << 3 | 5), ...new Uint8Array(Float32Array.of(x).buffer)];
}
