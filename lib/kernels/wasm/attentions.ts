/** Attention over the emitted functions: scratch, and how segments and heads are shared among threads. */

import { type AttentionShape, type Floats, type Kernels, SEGMENT } from "../kernels.ts";
import { allocate, withScratch } from "../memory.ts";
import { reference } from "../reference.ts";
import { at, integers } from "./arrays.ts";
import { SLACK } from "./segments.ts";
import type { Team } from "./team.ts";
import { type Argument, from, own, upTo, type Work } from "./work.ts";

/**
 * Nanoseconds for a query and a key, for a float of a head and beside, forward; backward takes thrice that. And for a float
 * of a segment's keys and values, which come from far away where each segment has one query.
 */
const COST = { float: 0.12, score: 1.5, backward: 3, read: 0.3 };

/** What the segments ask for. */
interface Extent {
  readonly segments: number;
  /** How many queries they name. */
  readonly queries: number;
  /** The most keys that one query sees. */
  readonly keys: number;
  /** Pairs of a query and a key. */
  readonly pairs: number;
  /** Rows of keys, segment by segment. */
  readonly rows: number;
}

const fieldsOf = (segments: Int32Array, s: number): readonly number[] =>
  Array.from({ length: SEGMENT }, (_, i) => segments[s * SEGMENT + i]!);

function extentOf(segments: Int32Array, window = Infinity): Extent {
  let queries = 0, keys = 0, pairs = 0, rows = 0;
  for (let s = 0; s < segments.length; s += SEGMENT) { // in generation lists of fields would take as long as the work
    const own = segments[s + 1]! - segments[s]!, before = segments[s + 3]! - segments[s + 2]! + segments[s + 5]!;
    queries += own;
    keys = Math.max(keys, before + own);
    pairs += own * Math.min(before + (own + 1) / 2, window);
    rows += Math.min(before + own, window + own);
  }
  return { segments: segments.length / SEGMENT, queries, keys, pairs, rows };
}

/**
 * Where segments may be cut so that no key row is seen from both sides: each side adds to the gradients of its own rows.
 */
function cutsOf(segments: Int32Array): readonly number[] {
  const count = segments.length / SEGMENT;
  const ranges = Array.from({ length: count }, (_, s) => {
    const [start, end, prefixStart, prefixEnd, keyStart, past] = fieldsOf(segments, s) as [number, ...number[]];
    const [keyEnd, hasPrefix] = [keyStart! + past! + end! - start, prefixEnd! > prefixStart!];
    return {
      first: hasPrefix ? Math.min(prefixStart!, keyStart!) : keyStart!,
      end: hasPrefix ? Math.max(prefixEnd!, keyEnd) : keyEnd,
    };
  });
  const firstFrom: number[] = [];
  for (let s = count - 1, first = Infinity; s >= 0; s--) firstFrom[s] = first = Math.min(first, ranges[s]!.first);
  const cuts = [0];
  for (let s = 1, end = 0; s < count; s++) {
    end = Math.max(end, ranges[s - 1]!.end);
    if (end <= firstFrom[s]!) cuts.push(s);
  }
  return [...cuts, count];
}

/** Sizes, how scores are made, and which keys count, as arguments; a window of −1 is the largest number of all. */
const shapeOf = ({ heads, kvHeads, headDim, scale, window = -1, softcap = 0 }: AttentionShape): readonly number[] => [
  ...[heads, kvHeads, headDim * 4],
  ...[scale, window, softcap],
];

/** How attention is shared among threads: the segments in pieces, and the heads in groups where pieces are few. */
interface Sharing {
  /** The pieces' first segments, and the end. */
  readonly cuts: readonly number[];
  /** Heads of a group. */
  readonly group: number;
}

/** Query heads of one key/value head stay together: they read the same rows, and add to the same gradients. */
const sharingOf = (cuts: readonly number[], { heads, kvHeads }: AttentionShape, threads: number): Sharing => ({
  cuts,
  group: cuts.length > 4 * threads ? heads : heads / kvHeads,
});

/** The arguments that say which segments and heads, and the work. */
function split(
  extent: Extent,
  { heads, kvHeads, headDim }: AttentionShape,
  address: number,
  { cuts, group }: Sharing,
): { readonly place: readonly Argument[]; readonly work: Work } {
  const scores = extent.pairs * heads * (COST.score + COST.float * headDim);
  const total = scores + extent.rows * kvHeads * headDim * COST.read;
  const pieces = cuts.length - 1, units = pieces * heads / group;
  return {
    place: [address, address + 4 * SEGMENT * extent.segments, pieces, group, from(0, 1), upTo(0, 1)],
    work: { units, cost: total / Math.max(units, 1) },
  };
}

/** Most queries of a block in the backward pass, and bytes for their scores, unless one row's heads take more. */
const BLOCK = { queries: 16, bytes: 1 << 18 };

/** Rows of a block whose queries have scratch rows of so many bytes, two each, in groups that share a key's head. */
const rowsOfBlock = (bytes: number, group: number): number =>
  Math.max(1, Math.floor(Math.min(BLOCK.queries, BLOCK.bytes / (2 * bytes)) / group));

/** Bytes of a scratch row that is read or written a little beyond its end. */
const bytesOf = (floats: number): number => 64 * Math.ceil((floats + SLACK) / 16);

/** `Kernels.attention` and its gradients. */
export function attentions(team: Team): Pick<Kernels<Floats>, "attention" | "attentionBackward"> {
  const { run, threads } = team;

  /** Runs `body` with the address of the segments and then the cuts, and scratch of these sizes for each thread. */
  const prepare = (
    segments: Int32Array,
    { cuts }: Sharing,
    sizes: readonly number[],
    body: (address: number, scratch: readonly Argument[]) => void,
  ): void =>
    withScratch(() => {
      const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
      let at = allocate(total * threads).offset;
      const scratch = sizes.map((bytes) => own((at += bytes) - bytes, total));
      const numbers = integers(segments.length + cuts.length);
      numbers.set(segments);
      numbers.set(cuts, segments.length);
      body(numbers.byteOffset, scratch);
    });
  return {
    attention: (q, k, v, segments, out, lse, shape) => {
      const { heads, headDim } = shape;
      if (headDim % 4 !== 0) return reference.attention(q, k, v, segments, out, lse, shape);
      const extent = extentOf(segments, shape.window);
      if (extent.queries * heads < lse.length) {
        out.fill(0);
        lse.fill(0);
      }
      const row = bytesOf(extent.keys);
      const sharing = sharingOf(Array.from({ length: extent.segments + 1 }, (_, s) => s), shape, threads);
      prepare(segments, sharing, [row, row, row], (address, scratch) => { // a list of keys, and scores of two queries
        const { place, work } = split(extent, shape, address, sharing);
        const arrays = [q, k, v, out, lse].map(at);
        run("attention", [...place, ...arrays, ...shapeOf(shape), ...scratch], work);
      });
    },
    attentionBackward: (q, k, v, out, lse, g, segments, dq, dk, dv, shape) => {
      const { heads, kvHeads, headDim } = shape;
      if (headDim % 4 !== 0) {
        return reference.attentionBackward(q, k, v, out, lse, g, segments, dq, dk, dv, shape);
      }
      const extent = extentOf(segments, shape.window);
      if (extent.queries * heads < lse.length) dq.fill(0);
      dk.fill(0);
      dv.fill(0);
      const group = heads / kvHeads; // query heads of one key/value head add to the same rows
      const row = bytesOf(extent.keys), most = rowsOfBlock(row, group), queries = most * group;
      // A list of keys; of a block's queries their scores and the gradients of these, themselves and output gradients.
      const [scores, copies] = [queries * row, queries * bytesOf(headDim)];
      const sharing = sharingOf(cutsOf(segments), shape, threads);
      prepare(segments, sharing, [row, scores, scores, copies, copies], (address, [keys, p, ds, x, slope]) => {
        const { place, work } = split({ ...extent, pairs: COST.backward * extent.pairs }, shape, address, sharing);
        const [arrays, gradients] = [[q, k, v, out, lse].map(at), [g, dq, dk, dv].map(at)];
        const scratch = [keys!, p!, ds!, row, most] as const;
        run("attentionBackward", [...place, ...arrays, ...shapeOf(shape), ...scratch, ...gradients, x!, slope!], work);
      });
    },
  };
}
