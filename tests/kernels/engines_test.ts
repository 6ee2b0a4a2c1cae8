/** Engines that lack something, each as a process of its own in which it was taken away: the program computes on. */
import { assertEquals, assertLess } from "@std/assert";
import { distance } from "./arrays.ts";

const ignore = (await Deno.permissions.query({ name: "run" })).state !== "granted";
const root = new URL("../../", import.meta.url);

/** What a program says of a product and its gradient after `lack`: the provider, and numbers. */
async function computed(lack: string): Promise<{ readonly name: string; readonly numbers: readonly number[] }> {
  const program = `
    ${lack}
    const { linear, openKernels, sum, tensor, valueAndGrad } = await import("${root}mod.ts");
    const { kernels } = await import("${root}lib/kernels/provider.ts");
    await openKernels({ threads: 3 });
    const of = (seed) => tensor([130, 130], Float32Array.from({ length: 16900 }, (_, i) => 0.1 * Math.sin(i * seed)));
    const loss = (w) => ({ loss: { sum: sum(linear(of(0.7), w)), count: 1 }, metrics: {} });
    let done;
    for (let i = 0; i < 30; i++) done = valueAndGrad(loss)(of(0.3));
    const numbers = [done.loss, ...done.grads.data.slice(0, 200)];
    console.log(JSON.stringify({ name: kernels("f32").name, numbers }));`;
  const args = ["run", "--no-check", "--config", new URL("deno.json", root).pathname, "-"];
  const process = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { code, stdout, stderr } = await process.output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const lacks: readonly (readonly [what: string, lack: string, name: string])[] = [
  ["SIMD", "WebAssembly.validate = () => false;", "reference"],
  [
    "relaxed SIMD",
    "const { validate } = WebAssembly; WebAssembly.validate = (x) => !new Uint8Array(x).includes(0x85) && validate(x);",
    "wasm",
  ],
  [
    "SharedArrayBuffer",
    `const { Memory } = WebAssembly;
     WebAssembly.Memory = function (limits) {
       if (limits.shared) throw new TypeError("no");
       return new Memory(limits);
     };
     delete globalThis.SharedArrayBuffer;`,
    "wasm",
  ],
  ["worker threads", "process.getBuiltinModule = () => { throw new Error('no'); };", "wasm"],
];

for (const [what, lack, name] of lacks) {
  Deno.test({
    name: `an engine without ${what} computes the same, to 1e-5, by ${name}`,
    ignore,
    fn: async () => {
      const [whole, lacking] = [await computed(""), await computed(lack)];
      assertEquals([whole.name, lacking.name], ["wasm", name]);
      assertLess(distance(lacking.numbers, whole.numbers), 1e-5);
    },
  });
}
