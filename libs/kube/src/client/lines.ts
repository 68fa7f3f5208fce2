/**
 * Cuts a stream of bytes into lines. A line, and a character in it, may come in any number of chunks; what follows the
 * last newline waits for the next chunk.
 */
export class LineSplitter {
  #begun: Uint8Array[] = [];

  /** The lines that `chunk` completes, without their newlines. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(Buffer.concat([...this.#begun, chunk.subarray(start, end)]).toString("utf8"));
      this.#begun = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#begun.push(chunk.subarray(start));
    return lines;
  }

  /** Whether the stream, if it ended now, would have been cut in the middle of a line. */
  get isInsideLine(): boolean {
    return this.#begun.length > 0;
  }
}

const NEWLINE = 0x0a;
