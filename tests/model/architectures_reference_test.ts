/** Every architecture held to transformers' own code in float64, where its tiny models lie beside the checkout. */
import { assert } from "@std/assert";
import { loadModel } from "../../lib/io/load_model.ts";
import { type Backend, openKernels } from "../../lib/kernels/provider.ts";
import type { Dtype } from "../../lib/tensor/tensor.ts";
import { assertGradients, assertGreedy, assertHidden, assertLogits, assertLogps, type Figures } from "./figures.ts";
import { sharedJson } from "./shared_models.ts";

const FOLDER = new URL("../../../shared/reference/hf/", import.meta.url).pathname;

/** Where each model's figures lie: those of shards are those of the one file. */
const models: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...["gpt2", "llama", "llama-bf16", "llama-f16", "llama3-rope", "mistral", "qwen2", "smollm3"],
      ...["phi3", "phi3-partial-rotary", "gemma2", "gemma3"],
    ].map((name) => [name, name]),
  ),
  "llama-sharded": "llama",
  "gpt2/hub-style.safetensors": "gpt2",
};

const providers: readonly (readonly [dtype: Dtype, backend: Backend])[] = [
  ["f64", "reference"],
  ["f32", "wasm"],
  ["f32", "blas"],
];

const found = await sharedJson("hf/gpt2/expected.json") !== undefined;
const hasBlas = await openKernels({ backend: "blas" }).then(() => true, () => false);
await openKernels({});

for (const [name, folder] of Object.entries(models)) {
  for (const [dtype, backend] of providers) {
    Deno.test({
      name: `${name} computes what transformers does, in ${dtype} of ${backend}`,
      ignore: !found || (backend === "blas" && !hasBlas),
      fn: async () => {
        const figures = await sharedJson(`hf/${folder}/expected.json`) as Figures;
        const loaded = await loadModel(FOLDER + name, { dtype });
        assert(loaded._tag === "Right", JSON.stringify(loaded));
        await openKernels({ backend });
        try {
          for (const holds of [assertLogits, assertLogps, assertHidden, assertGreedy]) holds(loaded.right, figures);
          // The hub's file has names of its own: its gradients are those of the other one.
          if (loaded.right.form.prefix !== "") assertGradients(loaded.right, figures);
        } finally {
          await openKernels({});
        }
      },
    });
  }
}
