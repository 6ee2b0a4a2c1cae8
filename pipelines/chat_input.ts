/** Lines of a stream of bytes, as they come. */

/** The lines of a stream; one that ends with a backslash goes on in the next. */
export async function* lineReader(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, void> {
  let pending = "";
  let joined = "";
  for await (const piece of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + piece).split("\n");
    pending = lines.pop() as string;
    for (const line of lines) {
      const whole = joined + line.replace(/\r$/, "");
      joined = whole.endsWith("\\") ? `${whole.slice(0, -1)}\n` : "";
      if (joined === "") yield whole;
    }
  }
  if (joined + pending !== "") yield joined + pending;
}
