/**
 * A binary heap in a plain array: the item that comes `before` all others lies at index 0.
 */

/** Adds an item: O(log n). */
export function push<T>(heap: T[], item: T, before: (a: T, b: T) => boolean): void {
  let at = heap.length;
  heap.push(item);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(item, heap[parent] as T)) break;
    heap[at] = heap[parent] as T;
    at = parent;
  }
  heap[at] = item;
}

/** Takes the first item out, `undefined` when there is none: O(log n). */
export function pop<T>(heap: T[], before: (a: T, b: T) => boolean): T | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return first;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    const right = child + 1;
    if (right < heap.length && before(heap[right] as T, heap[child] as T)) child = right;
    if (!before(heap[child] as T, last)) break;
    heap[at] = heap[child] as T;
    at = child;
  }
  heap[at] = last;
  return first;
}
