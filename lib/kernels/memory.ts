/**
 * The regions in which the memory of all tensors is handed out.
 *
 * A *region* is a list of slabs: allocation moves a mark, and closing the region gives all of it back at once. A large
 * block is a stretch of its own in it, which can move to another region without a copy.
 * Outside every region a block lives until the garbage collector has seen its last view go.
 */
import { buffer } from "./address_space.ts";

const SLAB = 1 << 22;
const LARGE = SLAB / 64;
const ALIGN = 64; // a cache line, and enough for any vector load

/** A free stretch of the memory, in bytes. */
interface Extent {
  start: number;
  end: number;
}

// Free stretches in order of address, never touching each other. The first and the last cache line stay unused: address
// 0 is no tensor, and an end is an address too.
let free: Extent[] | undefined;

function freeExtents(): Extent[] {
  return free ??= [{ start: ALIGN, end: buffer().byteLength - ALIGN }];
}

/** Bytes taken now, and the most that were since someone began to watch. */
interface Use {
  bytes: number;
  highWater: number;
}

const real: Use = { bytes: 0, highWater: 0 };

/** A dry run's own account: addresses are counted up and lead nowhere. */
interface Account extends Use {
  readonly root: OpenRegion;
  next: number;
}

let dry: Account | undefined;

const roundUp = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/** Bytes of the memory that holds all tensors. */
export interface MemoryUse {
  /** In use now. */
  readonly bytes: number;
  /** The most that were in use at once since the stage under way began. */
  readonly highWater: number;
  /** All that there can be: 4 GiB, or less where so much address space is not given. */
  readonly limit: number;
}

/** How much of the memory of tensors is in use. */
export function memoryUse(): MemoryUse {
  const { bytes, highWater } = dry ?? real;
  return {
    ...{ bytes, highWater },
    get limit(): number {
      return buffer().byteLength;
    },
  };
}

/** The high-water mark falls to what is in use now. */
export function watchMemory(): void {
  const use = dry ?? real;
  use.highWater = use.bytes;
}

/** Whether what is allocated now is only counted, and nothing is to be computed. */
export function isDry(): boolean {
  return dry !== undefined;
}

/** A computation that is only counted. */
export interface DryRun {
  /** Runs a part of it, which must be synchronous; what it allocates outside of regions lives on to the next part. */
  readonly part: <T>(body: () => T) => T;
  /** Ends it: the tensors that were made in it throw when read. */
  readonly end: () => void;
}

/**
 * Begins a computation whose allocations are counted as they would be, but take no memory: kernels do nothing, and the
 * numbers of tensors that are made mean nothing. So what it takes is known before it is done, from the code that does it.
 */
export function beginDryRun(): DryRun {
  const account: Account = {
    ...{ bytes: 0, highWater: 0, next: ALIGN },
    root: { alive: true, outer: undefined, slabs: [], large: new Map(), mark: 0 },
  };
  return {
    part: (body) => {
      if (dry !== undefined) throw new Error("Cannot begin a dry run within another");
      const outer = current;
      dry = account;
      current = undefined;
      try {
        return body();
      } finally {
        dry = undefined;
        current = outer;
      }
    },
    end: () => void (account.root.alive = false),
  };
}

/** A dry run of one part. */
export function dryRun<T>(body: () => T): T {
  const run = beginDryRun();
  try {
    return run.part(body);
  } finally {
    run.end();
  }
}

function counted(use: Use, bytes: number): void {
  use.bytes += bytes;
  use.highWater = Math.max(use.highWater, use.bytes);
}

/** Takes a stretch of `bytes` (a multiple of the alignment) from the free list: first fit. */
function take(bytes: number): number {
  if (dry !== undefined) {
    counted(dry, bytes);
    return (dry.next += bytes) - bytes;
  }
  const free = freeExtents(), at = free.findIndex((e) => e.end - e.start >= bytes);
  if (at < 0) {
    throw new RangeError(
      `Cannot allocate ${bytes} bytes as ${real.bytes} of ${buffer().byteLength} bytes are in use: ` +
        `a smaller batch, a shorter context or a smaller model needs less.`,
    );
  }
  const extent = free[at] as Extent;
  const start = extent.start;
  extent.start += bytes;
  if (extent.start === extent.end) free.splice(at, 1);
  counted(real, bytes);
  return start;
}

/** Gives a stretch back and joins it with its free neighbours. */
function release(start: number, bytes: number): void {
  if (dry !== undefined) return void (dry.bytes -= bytes);
  real.bytes -= bytes;
  const free = freeExtents(), end = start + bytes;
  let at = free.findIndex((e) => e.start > start);
  if (at < 0) at = free.length;
  const before = free[at - 1];
  const after = free[at];
  if (before !== undefined && before.end === start) {
    before.end = end;
    if (after !== undefined && after.start === end) {
      before.end = after.end;
      free.splice(at, 1);
    }
  } else if (after !== undefined && after.start === end) after.start = start;
  else free.splice(at, 0, { start, end });
}

/** A lifetime: what is allocated in it lives until it is closed. */
export interface Region {
  readonly alive: boolean;
}

interface OpenRegion extends Region {
  alive: boolean;
  readonly outer: OpenRegion | undefined;
  readonly slabs: Extent[];
  /** Bytes of the large blocks by address. */
  readonly large: Map<number, number>;
  mark: number;
}

const root: Region = { alive: true };
let current: OpenRegion | undefined;

/** Opens a region inside the current one; every allocation goes to it until it is closed. */
export function openRegion(): Region {
  current = { alive: true, outer: current, slabs: [], large: new Map(), mark: 0 };
  return current;
}

/**
 * Leaves the innermost region, which must be `region`: allocation goes to the outer one, the contents stay readable.
 */
export function leaveRegion(region: Region): void {
  if (current !== region) throw new Error("Cannot leave a region that is not the innermost open one");
  current = current.outer;
}

/** Ends a region that was left: its memory is free, and its tensors throw when read. */
export function freeRegion(region: Region): void {
  const { slabs, large } = region as OpenRegion;
  for (const slab of slabs) release(slab.start, slab.end - slab.start);
  for (const [start, bytes] of large) release(start, bytes);
  slabs.length = 0;
  large.clear();
  (region as OpenRegion).alive = false;
}

/** A stretch of memory and the lifetime it belongs to. */
export interface Block {
  readonly offset: number;
  readonly bytes: number;
  readonly region: Region;
}

/** Memory for `bytes` bytes in the innermost open region, or of its own lifetime outside all regions. Not cleared. */
export function allocate(bytes: number): Block {
  const size = roundUp(Math.max(bytes, 1), ALIGN);
  if (current === undefined) return { offset: take(size), bytes: size, region: dry?.root ?? root };
  if (size >= LARGE) {
    const offset = take(size);
    current.large.set(offset, size);
    return { offset, bytes: size, region: current };
  }
  const slab = current.slabs.at(-1);
  if (slab === undefined || current.mark + size > slab.end) {
    const start = take(SLAB);
    current.slabs.push({ start, end: start + SLAB });
    current.mark = start;
  }
  const offset = current.mark;
  current.mark += size;
  return { offset, bytes: size, region: current };
}

/**
 * Moves a large block from a region that was left to the innermost open one, or out of all: the block in its new
 * lifetime, or nothing if it is not large or was moved already.
 */
export function moveOut({ offset, bytes, region }: Block): Block | undefined {
  const { large } = region as OpenRegion;
  if (large?.get(offset) !== bytes) return undefined;
  large.delete(offset);
  current?.large.set(offset, bytes);
  return { offset, bytes, region: current ?? dry?.root ?? root };
}

/** The address of memory for the whole life of the program, outside all regions: workspace of the kernels. */
export function allocateForever(bytes: number): number {
  return take(roundUp(bytes, ALIGN));
}

const collector = new FinalizationRegistry<Block>((block) => release(block.offset, block.bytes));

/** Ties a block outside all regions to a view of it: when the view is garbage, the block is free. */
export function freeWithView(view: object, block: Block): void {
  if (block.region === root) collector.register(view, block, view);
}

/** Moves a block's lifetime from one view to another: a donated tensor lives as long as its new owner. */
export function passOn(from: object, to: object, block: Block): void {
  if (block.region !== root) return;
  collector.unregister(from);
  collector.register(to, block, to);
}

/** Frees a block now instead of when its view is collected or its region ends; a small one in a region stays. */
export function freeNow(view: object, { offset, bytes, region }: Block): void {
  const known = region === root
    ? collector.unregister(view)
    : region === dry?.root || (region as OpenRegion).large.delete(offset);
  if (known) release(offset, bytes);
}

/** Runs `body` with scratch memory that is free again afterwards. */
export function withScratch<T>(body: () => T): T {
  const region = openRegion();
  try {
    return body();
  } finally {
    leaveRegion(region);
    freeRegion(region);
  }
}
