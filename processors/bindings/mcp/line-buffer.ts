const LINE_FEED = 10;

/** Cuts a stream of bytes into lines. Each byte is looked at once and copied at most once, however long a line is. */
export class LineBuffer {
  private readonly maxLineBytes: number;
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(maxLineBytes: number) {
    this.maxLineBytes = maxLineBytes;
  }

  /** The lines that end in this chunk, without their ends. `overflow`: a line became longer than allowed. */
  add(chunk: Buffer): { readonly lines: readonly Buffer[]; readonly overflow: boolean } {
    const lines: Buffer[] = [];
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, from);
      const part = chunk.subarray(from, end === -1 ? chunk.length : end);
      this.bytes += part.length;
      if (this.bytes > this.maxLineBytes) {
        this.clear();
        return { lines, overflow: true };
      }
      if (part.length > 0) this.parts.push(part);
      if (end === -1) return { lines, overflow: false };
      const [only] = this.parts;
      lines.push(this.parts.length === 1 && only ? only : Buffer.concat(this.parts));
      this.clear();
      from = end + 1;
    }
  }

  clear(): void {
    this.parts = [];
    this.bytes = 0;
  }
}
