/**
 * Where models from the hub are kept: the folder and the layout that Hugging Face's own libraries use, so that a model
 * which one of them has loaded is there for the others.
 *
 * `models--org--name/blobs/HASH` is a file by its content, `snapshots/COMMIT/NAME` the same file by its name, `refs/main`
 * the commit that a revision was when it was last asked for.
 */
import { type Failure, inputFailure, type Result, right } from "../result.ts";

/** The variables that say where and who: they are read only if a model comes from the hub. */
const VARIABLES = [
  ...["HF_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"],
  Deno.build.os === "windows" ? "USERPROFILE" : "HOME",
] as const;

/** What the environment says of the hub. */
export interface HubSettings {
  readonly endpoint: string;
  readonly token?: string | undefined;
  /** The folder of all models. */
  readonly cache: string;
}

/**
 * The hub's settings: `HF_ENDPOINT`, `HF_TOKEN`, and the folder `HF_HUB_CACHE`, else `HF_HOME/hub`, else
 * `~/.cache/huggingface/hub`; or the flag that lets them be read.
 */
export async function hubSettings(id: string): Promise<Result<Failure, HubSettings>> {
  const states = await Promise.all(VARIABLES.map((variable) => Deno.permissions.query({ name: "env", variable })));
  if (states.some(({ state }) => state !== "granted")) {
    return inputFailure(
      `Cannot load ${id} as there is no such folder or file, and to load it from the hub Deno has no permission: ` +
        `run it again with -R -W --allow-net --allow-env=${VARIABLES.join(",")} before the script`,
    );
  }
  const said = (name: string): string | undefined => Deno.env.get(name)?.trim() || undefined;
  const home = said("XDG_CACHE_HOME") ?? `${said("HOME") ?? said("USERPROFILE") ?? "."}/.cache`;
  const endpoint = (said("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:\/\/[^/?#]+(\/[^?#]*)?$/.test(endpoint)) {
    return inputFailure(`Cannot load ${id} as HF_ENDPOINT must be a URL with https:// or http://: it is ${endpoint}`);
  }
  return right({
    endpoint,
    token: said("HF_TOKEN"),
    cache: said("HF_HUB_CACHE") ?? `${said("HF_HOME") ?? `${home}/huggingface`}/hub`,
  });
}

/** The folder of one model. */
export function modelFolder(cache: string, id: string): string {
  return `${cache}/models--${id.replace("/", "--")}`;
}
