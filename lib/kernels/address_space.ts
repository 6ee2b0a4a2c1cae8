/**
 * The one `WebAssembly.Memory` that holds every tensor: it serves all kernel providers, worker threads and libraries
 * called by FFI with no copy.
 */

const MAX_PAGES = 65_536; // 4 GiB, the end of wasm32

/**
 * Address space for a memory that never grows: the system gives a page when it is first touched, and engines that check
 * bounds in software run kernels over a memory of fixed size up to twice as fast. Where 4 GiB are refused, the half is
 * asked, and where nothing can be shared, a memory of one thread.
 */
export function reserve(
  pages: number,
  make: (limits: WebAssembly.MemoryDescriptor) => WebAssembly.Memory = (limits) => new WebAssembly.Memory(limits),
  shared = true,
): WebAssembly.Memory {
  try {
    return make({ initial: pages, maximum: pages, shared });
  } catch (error) {
    if (pages > 1024) return reserve(pages / 2, make, shared);
    if (shared) return reserve(MAX_PAGES, make, false);
    throw error;
  }
}

/** The memory, and its buffer, which is the same for ever as the memory never grows. */
type Reserved = { readonly memory: WebAssembly.Memory; readonly buffer: WebAssembly.Memory["buffer"] };

let reserved: Reserved | undefined;

/** Reserved at its first use, as it takes milliseconds: what only reads, ranks or diagnoses data does without. */
function reservation(): Reserved {
  const memory = reserve(MAX_PAGES);
  return { memory, buffer: memory.buffer };
}

/** The memory of all tensor data. */
export function memory(): WebAssembly.Memory {
  return (reserved ??= reservation()).memory;
}

/** The bytes of the memory. */
export function buffer(): WebAssembly.Memory["buffer"] {
  return (reserved ??= reservation()).buffer;
}
