/**
 * The onednn provider: matrix products by the processor's bfloat16 units, through oneDNN, and all the rest by the kernels
 * it is built on.
 *
 * Factors are rounded to bfloat16, 8 bits of mantissa, and products are summed in 32 bits; weights, norms, softmax, losses
 * and the optimizer stay as they are. Where the processor has AMX, the library rounds while it copies into tiles. Where
 * it has AVX-512's bfloat16 alone, the library would compute in 32 bits unless it is given rounded factors: so it is, if
 * that is faster. Where nothing is faster than 32 bits, nothing is rounded.
 *
 * @see Kalamkar et al. 2019, "A study of BFLOAT16 for deep learning training", section 3
 */

import type { Floats, Kernels } from "./kernels.ts";
import {
  type Base,
  findLibrary,
  isRead,
  type Layout,
  layout,
  type Library,
  type LibraryOptions,
  linearLayers,
  type Native,
  PARTS,
  partsEach,
  wrongProduct,
} from "./library.ts";
import { buffer, memory as shared } from "./address_space.ts";
import { allocate, allocateForever, withScratch } from "./memory.ts";
import { type Dnnl, makePart, openDnnl, type Part, type Sizes } from "./onednn_part.ts";
import { at } from "./wasm/arrays.ts";
import { CALLEE, MAX_THREADS, type Team } from "./wasm/team.ts";
import { from, sizeOf, upTo, valueOf } from "./wasm/work.ts";
import type { Callee, Kernel } from "./wasm/worker.ts";

const NAMES = { darwin: ["libdnnl.3.dylib"], windows: ["dnnl.dll"], linux: ["libdnnl.so.3"] };

/** How to come by one. */
const INSTALL = "install version 3 (pip install onednn-cpu-gomp) and name its libdnnl.so.3 with --library";

/** Bits of the instruction sets that the library tells of. */
const AVX512_BF16 = 0x80, AVX512_FP16 = 0x100, AMX = 0x200;

/** Where bfloat16 products come from. */
export type Units = "amx" | "avx512" | "none";

/**
 * The units that are worth rounding for. Processors with AVX-512's 16-bit floats are Intel's, whose AVX-512 does bfloat16
 * no faster than 32 bits: they have AMX for it, and where a virtual machine hides that, rounding is lost time.
 */
function unitsOf(isa: number): Units {
  if (isa & AMX) return "amx";
  return isa & AVX512_BF16 && !(isa & AVX512_FP16) ? "avx512" : "none";
}

/** Nanoseconds of a multiply-add, and of rounding a float. */
const COST = { multiply: 0.01, round: 0.15 };

/** Up to so many rows or columns, or multiply-adds, a product is left to the other kernels, which are as fast. */
const FEWEST = 2, SMALL_PRODUCT = 1 << 16;

/** Up to so many, rounding takes longer than it saves. */
const FEW = 40, MODEST_PRODUCT = 1 << 19;

/** Rows or columns at whose multiples parts start. */
const TILE = 32;

/** Products of different sizes that are kept ready. */
const KEPT = 256;

/** Words of a part in the list: its primitive, the stream, the number of its arguments, and where they are. */
const WORDS = 4;

/** A library that multiplies in bfloat16. */
export interface OneDnn {
  /** Its file, or the name by which it was found. */
  readonly path: string;
  /** What the processor has. */
  readonly units: Units;
  readonly dnnl: Dnnl;
  /** The parts of the product at hand. */
  readonly list: BigUint64Array;
  /** Executes parts `first … last−1` of the list. */
  readonly callee: Callee;
  /** Where the library finds the shared memory's first byte. */
  readonly memory: number;
}

/** What a thread needs to execute parts. */
interface Given {
  readonly path: string;
  /** Where the list is. */
  readonly list: number;
}

/** Opens the executor in any thread: its text is all of it that goes to another. */
function openExecutor({ path, list: address }: Given, memory: WebAssembly.Memory, find?: Library["find"]): Kernel {
  const own: Library["find"] = (name, { parameters, result }) =>
    Deno.dlopen(path, { f: { name, parameters, result, optional: true } }).symbols.f as Native | null;
  const open = find ?? own;
  // Each thread tells OpenMP anew that it works alone.
  open("omp_set_num_threads", { parameters: ["i32"], result: "void" })!(1);
  const execute = open("dnnl_primitive_execute", { parameters: ["u64", "u64", "i32", "u64"], result: "i32" })!;
  const list = new BigUint64Array(memory.buffer, address);
  return (first = 0, last = 0) => {
    for (let i = 4 * first; i < 4 * last; i += 4) {
      const status = execute(list[i]!, list[i + 1]!, Number(list[i + 2]), list[i + 3]!);
      if (status !== 0) throw new Error(`Cannot multiply by oneDNN as a product ended with status ${status}`);
    }
    return 0;
  };
}

/** The library taken into use: one thread a call, and it has shown that it multiplies. */
function use(library: Library): OneDnn | string {
  const { path, find, memory, isShared } = library;
  const dnnl = openDnnl(library);
  if (typeof dnnl === "string") {
    const isOld = find("dnnl_memory_desc_init_by_strides", { parameters: [], result: "i32" }) !== null;
    return `${isOld ? "it is of version 2 and must be of version 3" : `it has no function ${dnnl}`}: ${INSTALL}`;
  }
  if (find("omp_set_num_threads", { parameters: ["i32"], result: "void" }) === null) {
    return `it must be built for OpenMP, as its threads could not be limited: ${INSTALL}`;
  }
  const isa = Number(dnnl.ask("dnnl_get_effective_cpu_isa"));
  const given = { path, list: allocateForever(8 * WORDS * PARTS * MAX_THREADS) };
  const call = openExecutor(given, shared(), isShared ? undefined : find);
  const oneDnn = {
    ...{ path, dnnl, memory },
    units: unitsOf(isa),
    list: new BigUint64Array(buffer(), given.list, WORDS * PARTS * MAX_THREADS),
    callee: { call, ...isShared && { elsewhere: { open: openExecutor, given } } },
  } as const;
  return wrongProduct(multiplication(oneDnn, undefined, () => {}, 0)) ?? oneDnn;
}

/**
 * Opens oneDNN.
 *
 * @throws Error when there is none, when it may not be called, or when it is not one of version 3
 */
export function openOneDnn(options: LibraryOptions): OneDnn {
  return findLibrary({ backend: "onednn", what: "oneDNN", names: NAMES, install: INSTALL, use }, options);
}

/** A matrix as a product takes it: where it is, and how it lies. */
interface Factor extends Layout {
  readonly at: number;
}

/** The factor in bfloat16, in memory that the caller's scratch ends with. */
function rounded({ run }: Team, { at, apart, isTransposed }: Factor, rows: number, columns: number): Factor {
  const [lines, length] = isTransposed ? [columns, rows] : [rows, columns];
  const row = Math.ceil(length / 8) * 8;
  const { offset } = allocate(2 * row * lines);
  const args = [from(at, 4 * apart), from(offset, 2 * row), sizeOf(1), 4 * length, 4 * apart, 2 * row];
  run("roundRows", args, { units: lines, cost: COST.round * length });
  return { at: offset, apart: row, isTransposed };
}

/** The parts of a product: along rows of C, or along its columns. */
interface Parts {
  readonly parts: readonly Part[];
  readonly isTall: boolean;
  /** Rows or columns of each but the last. */
  readonly step: number;
}

/** Makes the parts of a product ready. */
function cut(dnnl: Dnnl, sizes: Sizes, threads: number): Parts {
  const { m, n, k } = sizes;
  const [isTall, length] = [m >= n, Math.max(m, n)];
  const step = Math.ceil(length / (partsEach(m * n * k, threads) * threads) / TILE) * TILE;
  const parts = Array.from({ length: Math.ceil(length / step) }, (_, i) => {
    const part = Math.min(step, length - i * step);
    return makePart(dnnl, { ...sizes, ...isTall ? { m: part } : { n: part } });
  });
  return { parts, isTall, step };
}

/** Keeps the products that were last used ready. */
function keeping(dnnl: Dnnl, threads: number): (sizes: Sizes) => Parts {
  const kept = new Map<string, Parts>();
  return (sizes) => {
    const { left, right, ...rest } = sizes;
    const name = [left, right, rest].flatMap(Object.values).join();
    const found = kept.get(name) ?? cut(dnnl, sizes, threads);
    kept.delete(name); // to come last
    kept.set(name, found);
    const [oldest] = kept.keys();
    if (kept.size > KEPT) {
      for (const part of kept.get(oldest!)!.parts) part.close();
      kept.delete(oldest!);
    }
    return found;
  };
}

/** `Kernels.gemm` by the library, and `otherwise` where it gains nothing or has no words for a matrix. */
function multiplication(
  oneDnn: OneDnn,
  team: Team | undefined,
  otherwise: Kernels<Floats>["gemm"],
  fewest = FEWEST,
): Kernels<Floats>["gemm"] {
  const { dnnl, units, callee, list, memory } = oneDnn;
  const run: Team["run"] = team?.run ??
    ((_, args, { units }) => void callee.call(...args.map((arg) => valueOf(arg, 0, units))));
  const partsOf = keeping(dnnl, team?.threads ?? 1);
  const many = units === "none" ? "exact" : units === "avx512" && team !== undefined ? "rounded" : "toRound";
  return (m, n, k, a, aStrides, b, bStrides, c, ldc, beta) => {
    const [left, right] = [layout(aStrides, m, k), layout(bStrides, k, n)];
    const least = Math.min(m, n);
    const isSmall = fewest > 0 && (least <= fewest || m * n * k <= SMALL_PRODUCT);
    if (isSmall || left === undefined || right === undefined || k === 0 || isRead(m, n, k, right)) {
      return otherwise(m, n, k, a, aStrides, b, bStrides, c, ldc, beta);
    }
    withScratch(() => {
      const given = [{ ...left, at: at(a) }, { ...right, at: at(b) }] as const;
      const factors = least <= FEW || m * n * k <= MODEST_PRODUCT ? "exact" : many;
      const isRounded = factors === "rounded";
      const [x, y] = isRounded ? [rounded(team!, given[0], m, k), rounded(team!, given[1], k, n)] : given;
      const form = ({ isTransposed, apart }: Factor): Layout => ({ isTransposed, apart });
      const { parts, isTall, step } = partsOf({ m, n, k, left: form(x), right: form(y), ldc, beta, factors });
      const bytes = isRounded ? 2 : 4;
      const row = isTall ? bytes * step * (x.isTransposed ? 1 : x.apart) : 0;
      const column = isTall ? 0 : bytes * step * (y.isTransposed ? y.apart : 1);
      const out = 4 * step * (isTall ? ldc : 1);
      parts.forEach(({ primitive, args, argsAt, scratch, place }, i) => {
        const spots = [x.at + i * row, y.at + i * column, at(c) + i * out, allocate(scratch).offset];
        place(...spots.map((spot) => memory + spot));
        list.set([primitive, dnnl.stream, BigInt(args.length / 2), argsAt], WORDS * i);
      });
      const cost = COST.multiply * m * n * k / parts.length;
      run(CALLEE, [from(0, 1), upTo(0, 1)], { units: parts.length, cost, parts: PARTS });
    });
  };
}

/** The kernels of a provider with products in bfloat16. */
export function oneDnnKernels(base: Base, oneDnn: OneDnn): Kernels<Floats> {
  const kernels = base(oneDnn.callee);
  const gemm = multiplication(oneDnn, kernels.team, kernels.gemm);
  return { ...kernels, name: "onednn", batchError: 0.05, gemm, linears: linearLayers(gemm, kernels.linears) };
}
