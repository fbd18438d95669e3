import { eventField, LineReader } from '@agentfleet/contracts';

/** What one event of a provider's stream holds. */
export type ProviderEvent =
  | { readonly kind: 'json'; readonly value: unknown; readonly isError: boolean }
  /** `[DONE]` */
  | { readonly kind: 'done' }
  /** An error in plain words, or data that should be JSON and is not. */
  | { readonly kind: 'broken'; readonly text: string };

const DONE: ProviderEvent = { kind: 'done' };

/**
 * Reads server-sent events as providers really send them: any line ending, comments, `data:` with and without a blank,
 * empty ones to keep the connection alive, JSON over several `data:` lines, events without an empty line between them.
 */
export class EventLines {
  private readonly lines = new LineReader();
  private data: string[] = [];
  private event = '';

  *add(text: string): Generator<ProviderEvent> {
    for (const line of this.lines.add(text)) yield* this.line(line);
  }

  *end(): Generator<ProviderEvent> {
    for (const line of this.lines.end()) yield* this.line(line);
    yield* this.flush();
  }

  private *line(line: string): Generator<ProviderEvent> {
    if (line.trim() === '') return yield* this.flush();
    const { name, value } = eventField(line);
    if (name === 'event') this.event = value.trim();
    else if (name === 'data') yield* this.dataLine(value);
    else if (line.startsWith('{')) yield* this.dataLine(line); // JSON lines without the prefix
  }

  /** What is whole by itself leaves at once, whether or not an empty line follows. */
  private *dataLine(text: string): Generator<ProviderEvent> {
    const alone = this.data.length === 0 ? wholeEvent(text, this.event) : null;
    if (alone) yield alone;
    else if (text.trim() !== '' || this.data.length > 0) this.data.push(text);
  }

  private *flush(): Generator<ProviderEvent> {
    const [lines, event] = [this.data, this.event];
    this.data = [];
    this.event = '';
    if (lines.length === 0) return;
    const text = lines.join('\n').trim();
    const whole = wholeEvent(text, event);
    if (whole) return yield whole;
    const each = lines.map((line) => wholeEvent(line, event));
    if (each.some((found) => found !== null)) {
      for (const found of each) if (found) yield found;
    } else if (event === 'error' || /^[[{]/.test(text)) yield { kind: 'broken', text };
  }
}

/** The event that a text is by itself; null when more of it may follow. */
function wholeEvent(text: string, event: string): ProviderEvent | null {
  if (/^\s*"?\[DONE\]"?\s*$/.test(text)) return DONE;
  const value = jsonOrUndefined(text);
  return value === undefined ? null : { kind: 'json', value, isError: event === 'error' };
}

/** The value of a JSON text, undefined for anything else. */
export function jsonOrUndefined(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}
