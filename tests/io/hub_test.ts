import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hubId } from "../../lib/io/hub.ts";
import { inTenths } from "../../lib/io/hub_download.ts";
import { type LoadedModel, loadModel } from "../../lib/io/load_model.ts";
import type { Failure, Result } from "../../lib/result.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import {
  COMMIT,
  cutOff,
  file,
  FILES,
  hashOf,
  type HubServer,
  hubServer,
  listing,
  type Mischief,
  PARAMS,
} from "./hub_server.ts";

const VARIABLES = ["HF_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"];
const states = await Promise.all([
  ...VARIABLES.map((variable) => Deno.permissions.query({ name: "env", variable })),
  Deno.permissions.query({ name: "net", host: "127.0.0.1" }),
  ...(["read", "write"] as const).map((name) => Deno.permissions.query({ name })),
]);
const may = states.every(({ state }) => state === "granted") && Deno.build.os !== "windows";

/** A hub, and an empty cache. */
interface Scene {
  readonly hub: HubServer;
  readonly cache: string;
  readonly load: (id?: string) => Promise<Result<Failure, LoadedModel>>;
  /** Files in the cache, from its folder. */
  readonly kept: () => readonly string[];
}

function scene(name: string, mischief: Mischief, fn: (scene: Scene) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !may,
    fn: async () => {
      await using hub = hubServer(mischief);
      const cache = await Deno.makeTempDir(), before = VARIABLES.map((name) => Deno.env.get(name));
      for (const variable of VARIABLES) if (variable !== "HOME") Deno.env.delete(variable);
      Deno.env.set("HF_ENDPOINT", hub.endpoint);
      Deno.env.set("HF_HUB_CACHE", cache);
      try {
        const load = (id = "org/tiny"): Promise<Result<Failure, LoadedModel>> => loadModel(id, { patience: 0.5 });
        await fn({ hub, cache, load, kept: () => filesIn(cache) });
      } finally {
        VARIABLES.forEach((name, i) => before[i] === undefined ? Deno.env.delete(name) : Deno.env.set(name, before[i]));
        await Deno.remove(cache, { recursive: true });
      }
    },
  });
}

function filesIn(folder: string, within = ""): readonly string[] {
  const entries = [...Deno.readDirSync(`${folder}/${within}`)];
  return entries.flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(folder, `${within}${name}/`) : [`${within}${name}`]
  ).sort();
}

const HOME = "models--org--tiny", SNAPSHOT = `${HOME}/snapshots/${COMMIT}`;
const NAMED = ["config.json", "model.safetensors", "tokenizer.json"];
const WHOLE = [...NAMED.map((name) => `${HOME}/blobs/${hashOf(name)}`), `${HOME}/refs/main`].concat(
  NAMED.map((name) => `${SNAPSHOT}/${name}`),
).sort();
const PARTIAL = `${HOME}/blobs/${hashOf("model.safetensors")}.incomplete`;
const BYTES = FILES["model.safetensors"]!.length;

const sentencesOf = (result: Result<Failure, unknown>): string =>
  result._tag === "Left" ? result.left.sentences.join("\n") : "";
const isWeights = (path: string): boolean => path.endsWith("/model.safetensors");

function isTheModel(loaded: Result<Failure, LoadedModel>): void {
  assert(loaded._tag === "Right", sentencesOf(loaded));
  const numbers = (tree: unknown): unknown => leaves(tree).map(([path, t]) => [path, [...t.data]]);
  assertEquals(numbers(loaded.right.params), numbers(PARAMS));
  assertEquals([loaded.right.form.source, loaded.right.form.revision], ["org/tiny", COMMIT]);
}

/** Nothing of a file stands under its final name. */
function noWeights(kept: readonly string[]): void {
  assertEquals(kept.filter((name) => /model\.safetensors$|blobs\/[0-9a-f]{64}$/.test(name)), []);
}

scene(
  "a model of the hub is loaded, kept by its hashes, and asked for once",
  () => undefined,
  async ({ hub, load, kept }) => {
    isTheModel(await load());
    assertEquals(kept(), WHOLE);
    assertEquals(hub.asked.length, 4);
    isTheModel(await load());
    assertEquals(hub.asked.slice(4), ["api/models/org/tiny/revision/main"]);
    isTheModel(await load(`org/tiny@${COMMIT}`));
    assertEquals(hub.asked.length, 5, "a commit that is there needs no network");
  },
);

let asked = 0;
scene("what is kept is loaded when the hub cannot be reached", () => {
  return ++asked > 4 ? new Response(null, { status: 503 }) : undefined;
}, async ({ load }) => {
  isTheModel(await load());
  isTheModel(await load());
  assertStringIncludes(sentencesOf(await load("org/other")), "the hub answers 503: try again later");
});

scene(
  "without the hub it says which files to download, and where to put them",
  () => undefined,
  async ({ load, hub }) => {
    await hub[Symbol.asyncDispose]();
    const said = sentencesOf(await load());
    assertMatch(said, /^Cannot reach http:\/\/127\.0\.0\.1:\d+ as /);
    assertStringIncludes(
      said,
      "Without it, download config.json, model.safetensors (or model.safetensors.index.json and",
    );
    assertStringIncludes(said, "/org/tiny/tree/main into one folder, and give that folder as the model");
  },
);

let cuts = 0;
scene("a file that is cut off is taken up where it ended", (path, request) => {
  return isWeights(path) && ++cuts < 3 ? cutOff("model.safetensors", 500, request) : undefined;
}, async ({ load, kept, hub }) => {
  isTheModel(await load());
  assertEquals(kept(), WHOLE);
  const ranges = hub.asked.filter((path) => path.includes("model.safetensors")).map((path) => path.split(" ")[1]);
  assertEquals(ranges, [undefined, "bytes=500-", "bytes=1000-"]);
});

let broken = true;
scene("a file that is cut off again and again is no file, and the next run goes on", (path, request) => {
  return isWeights(path) && broken ? cutOff("model.safetensors", 100, request) : undefined;
}, async ({ load, kept, cache, hub }) => {
  const said = sentencesOf(await load());
  assertMatch(said, /as it was cut off.*: 400 of \d+ bytes are there, and the next run goes on$/);
  noWeights(kept());
  assertEquals((await Deno.stat(`${cache}/${PARTIAL}`)).size, 400);
  broken = false;
  isTheModel(await load());
  assertStringIncludes(hub.asked.at(-1)!, "bytes=400-");
});

scene("a part that a server does not go on with is begun again", (path, request) => {
  return isWeights(path) ? new Response(FILES["model.safetensors"], { headers: request.headers }) : undefined;
}, async ({ load, cache }) => {
  await Deno.mkdir(`${cache}/${HOME}/blobs`, { recursive: true });
  await Deno.writeFile(`${cache}/${PARTIAL}`, new Uint8Array(300));
  isTheModel(await load());
});

scene("a damaged part is removed, and the file comes whole", () => undefined, async ({ load, cache, kept }) => {
  await Deno.mkdir(`${cache}/${HOME}/blobs`, { recursive: true });
  await Deno.writeFile(`${cache}/${PARTIAL}`, new Uint8Array(300));
  assertStringIncludes(sentencesOf(await load()), "that the hub publishes: what came is not, and was removed");
  noWeights(kept());
  isTheModel(await load());
});

const WRONG: Readonly<Record<string, readonly [Mischief, RegExp]>> = {
  "other bytes of the right size": [
    (path) => isWeights(path) ? new Response(new Uint8Array(BYTES)) : undefined,
    /it must be the \d+ bytes of hash [0-9a-f]{64} that the hub publishes: what came is not, and was removed$/,
  ],
  "too many bytes": [
    (path) => isWeights(path) ? new Response(new Uint8Array(BYTES + 1)) : undefined,
    /it must be the \d+ bytes of hash [0-9a-f]{64} that the hub publishes: what came is not, and was removed$/,
  ],
  "too few bytes": [
    (path) => isWeights(path) ? new Response(new Uint8Array(10)) : undefined,
    /was cut off|goes on$/,
  ],
  "another etag": [
    (path, request) =>
      isWeights(path) ? file("model.safetensors", request, { etag: `"${"a".repeat(64)}"` }) : undefined,
    /its etag must be the hash that the hub lists, [0-9a-f]{64}: it is a{64}$/,
  ],
  "silence": [
    (path) => isWeights(path) ? new Response(new ReadableStream()) : undefined,
    /nothing came for 0\.5 s: 0 of \d+ bytes are there/,
  ],
  "a list without end": [
    (path) =>
      path.startsWith("api/")
        ? new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(2 ** 20)),
          }),
        )
        : undefined,
    /list of org\/tiny's files as it has more than 33554432 bytes/,
  ],
  "a list that is none": [
    (path) => path.startsWith("api/") ? Response.json({ hello: 1 }) : undefined,
    /must list its files as a hub does: it answers something else$/,
  ],
  "names that lead elsewhere": [
    (path) =>
      path.startsWith("api/") ? listing({ "model.safetensors": { rfilename: "../model.safetensors" } }) : undefined,
    /it must have model\.safetensors: the hub lists no such file$/,
  ],
  "a wish for a token (401)": [() => new Response(null, { status: 401 }), /it wants a token: set HF_TOKEN .*\(401\)$/],
  "nothing (404)": [() => new Response(null, { status: 404 }), /there is no such model, revision or file \(404\)$/],
  "redirects in a circle": [
    (path) => new Response(null, { status: 302, headers: { location: `/${path}` } }),
    /as it is redirected more than 5 times$/,
  ],
};

for (const [what, [mischief, sentence]] of Object.entries(WRONG)) {
  scene(
    `a hub that answers with ${what} is refused, and no file has a name it should not have`,
    mischief,
    async ({ load, kept }) => {
      assertMatch(sentencesOf(await load()), sentence);
      noWeights(kept());
    },
  );
}

scene("a token goes to the hub and not to the host that it redirects to", () => undefined, async ({ hub, load }) => {
  await using other = hubServer((path, request) => isWeights(path) ? file("model.safetensors", request) : undefined);
  await using front = hubServer((path) =>
    isWeights(path)
      ? new Response(null, {
        status: 302,
        headers: { location: `${other.endpoint}/${path}`, "x-linked-etag": `"${hashOf("model.safetensors")}"` },
      })
      : undefined
  );
  Deno.env.set("HF_ENDPOINT", front.endpoint);
  Deno.env.set("HF_TOKEN", "hf_secret");
  isTheModel(await load());
  assert(front.asked.every((path) => path.endsWith("Bearer hf_secret")), front.asked.join());
  assertEquals(other.asked, [`org/tiny/resolve/${COMMIT}/model.safetensors`]);
  assertEquals(hub.asked, []);
});

Deno.test("an id of the hub is org/name, perhaps with a revision, and no path", () => {
  assertEquals(hubId("org/name"), { id: "org/name", revision: "main" });
  assertEquals(hubId("HuggingFaceTB/SmolLM2-135M@v1.0"), { id: "HuggingFaceTB/SmolLM2-135M", revision: "v1.0" });
  assertEquals(hubId("org/name@refs/pr/1"), { id: "org/name", revision: "refs/pr/1" });
  for (const text of ["name", "./a/b", "/a/b", "a/b/c", "../a/b", "a/..", "a/b@../c", "a/b@", "a//b", "~/b", "a b/c"]) {
    assertEquals(hubId(text), undefined, text);
  }
});

Deno.test({
  name: "a model of the hub without permission names the flags, and asks for nothing",
  ignore: states.some(({ state }) => state === "granted"),
  fn: async () =>
    assertMatch(
      sentencesOf(await loadModel("org/tiny")),
      /^Cannot load org\/tiny as there is no such folder or file, and to load it .* with -R -W --allow-net --allow-env=HF_TOKEN,/,
    ),
});

Deno.test("progress is told for each tenth of a large file, once", () => {
  const told: string[] = [], progress = inTenths((sentence) => told.push(sentence));
  for (let bytes = 1e6; bytes <= 10e6; bytes += 5e5) progress({ file: "w", bytes, of: 10e6 });
  progress({ file: "config.json", bytes: 600, of: 600 });
  assertEquals(told.slice(0, 2), ["w: 10 % of 10.0 MB", "w: 20 % of 10.0 MB"]);
  assertEquals([told.length, told.at(-1)], [10, "w: 100 % of 10.0 MB"]);
});
