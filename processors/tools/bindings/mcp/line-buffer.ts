const LINE_FEED = 10;
/** What is held of a line that has not ended begins with this room, and doubles. */
const FIRST_BYTES = 65_536;

/**
 * Cuts a stream of bytes into lines. Each byte is looked at once, and copied as it comes: a long line costs its
 * reader no long turn when it ends.
 */
export class LineBuffer {
  private readonly maxLineBytes: number;
  private held: Buffer = Buffer.alloc(0);
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
      if (this.bytes + part.length > this.maxLineBytes) {
        this.clear();
        return { lines, overflow: true };
      }
      if (end !== -1 && this.bytes === 0) lines.push(part);
      else this.hold(part);
      if (end === -1) return { lines, overflow: false };
      if (this.bytes > 0) lines.push(this.held.subarray(0, this.bytes));
      this.clear();
      from = end + 1;
    }
  }

  clear(): void {
    this.held = Buffer.alloc(0);
    this.bytes = 0;
  }

  private hold(part: Buffer): void {
    const needed = this.bytes + part.length;
    if (needed > this.held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, 2 * this.held.length, needed));
      this.held.copy(larger, 0, 0, this.bytes);
      this.held = larger;
    }
    part.copy(this.held, this.bytes);
    this.bytes = needed;
  }
}
