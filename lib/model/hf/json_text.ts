/** JSON whose numbers keep their spelling: 5.0 stays 5.0, which strict readers tell from the whole number 5. */
import type { JsonRecord } from "./config_reader.ts";

/** What the engine's JSON can beside what its types say (ECMAScript's JSON.parse source text access). */
interface SourceJson {
  readonly parse: (
    text: string,
    revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ) => unknown;
  readonly rawJSON: (text: string) => unknown;
}

/** A record of JSON to be written again, perhaps with other fields; numbers that are no plain integers are not to be read. */
export function parseForWriting(text: string): JsonRecord {
  const { parse, rawJSON } = JSON as unknown as SourceJson;
  return parse(text, (_, value, { source = "" }) => {
    return typeof value === "number" && /[.e]/i.test(source) ? rawJSON(source) : value;
  }) as JsonRecord;
}
