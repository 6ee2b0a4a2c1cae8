/** Lines out of text that comes in pieces. */

/** The most characters of one line or cell; a string of JavaScript ends at twice as many. */
export const LONGEST = 2 ** 28;

/** What {@link lineReader} can be told. */
export interface LineSink {
  /** Takes a line without its line feed, and its number from 1. */
  readonly line: (text: string, line: number) => void;
  /** Told of a line that has more than {@link LONGEST} characters; it is left out. */
  readonly overlong: (line: number) => void;
}

/** Takes pieces of text; `end` after the last. */
export interface LineReader {
  readonly push: (piece: string) => void;
  readonly end: () => void;
}

/**
 * Lines end at `\n` and nowhere else, for a U+2028 may stand inside a string; a `\r` before it stays. A byte order mark
 * at the start is left out, and so is the nothing behind the last line feed.
 */
export function lineReader(sink: LineSink, longest = LONGEST): LineReader {
  let open: string[] = [], length = 0, line = 1, first = true;
  const keep = (part: string): void => {
    length += part.length;
    if (length <= longest) open.push(part);
    else open = [];
  };
  const close = (): void => {
    if (length > longest) sink.overlong(line);
    else sink.line(open.length === 1 ? open[0] as string : open.join(""), line);
    line++;
    open = [];
    length = 0;
  };
  return {
    push: (piece) => {
      let from = first && piece.startsWith("\ufeff") ? 1 : 0;
      if (piece !== "") first = false;
      for (let feed = piece.indexOf("\n", from); feed >= 0; feed = piece.indexOf("\n", from)) {
        keep(piece.slice(from, feed));
        close();
        from = feed + 1;
      }
      if (from < piece.length) keep(from === 0 ? piece : piece.slice(from));
    },
    end: () => {
      if (length > 0) close();
    },
  };
}

/** A line without the `\r` that stood before its line feed. */
export function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
