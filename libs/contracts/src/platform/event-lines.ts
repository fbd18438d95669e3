/** The longest line that is waited for, in UTF-16 units: whoever sends no line break must not fill the memory. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;

/** Cuts text, however its pieces arrive, into lines: after CR, LF or CR LF. @throws RangeError when a line is too long */
export class LineReader {
  private held = '';
  private afterCr = false;

  constructor(private readonly maxLength = MAX_LINE_LENGTH) {}

  *add(text: string): Generator<string> {
    if (text === '') return;
    let at = this.afterCr && text.startsWith('\n') ? 1 : 0;
    this.afterCr = text.endsWith('\r');
    const breaks = /[\r\n]/g;
    for (breaks.lastIndex = at; breaks.test(text); breaks.lastIndex = at) {
      const line = this.held + text.slice(at, breaks.lastIndex - 1);
      at = breaks.lastIndex + (text.startsWith('\r\n', breaks.lastIndex - 1) ? 1 : 0);
      this.held = '';
      yield this.bounded(line);
    }
    this.held = this.bounded(this.held + text.slice(at));
  }

  /** What stands behind the last line break, when there is something. */
  *end(): Generator<string> {
    const last = this.held;
    this.held = '';
    if (last !== '') yield last;
  }

  private bounded(line: string): string {
    if (line.length > this.maxLength) throw new RangeError(`A line of the stream is longer than ${this.maxLength} characters`);
    return line;
  }
}

/** Name and value of a line of an event stream; the name of a comment is empty. */
export function eventField(line: string): { readonly name: string; readonly value: string } {
  const colon = line.indexOf(':');
  if (colon === -1) return { name: line, value: '' };
  return { name: line.slice(0, colon), value: line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1)) };
}
