import type { RunEventBody } from '@agentfleet/contracts';

const MAX_CHARACTERS = 100_000;
type Delta = Extract<RunEventBody, { type: 'text' | 'thinking' }>;

/**
 * Merges text deltas that follow each other closely: the first of an answer leaves at once, later ones together after
 * `waitMs`. Any other event makes what waits leave first.
 */
export class TextCoalescer {
  private waiting: { readonly type: Delta['type']; text: string } | null = null;
  /** The kind of text that was shown last without another event in between. */
  private streaming: Delta['type'] | null = null;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly waitMs: number,
    private readonly emit: (event: RunEventBody) => void,
  ) {}

  /** Takes a delta; false for every other event, which the caller writes behind what was waiting. */
  add(event: RunEventBody): boolean {
    if (event.type !== 'text' && event.type !== 'thinking') {
      this.endText();
      return false;
    }
    const { text } = event.data;
    if (this.streaming !== event.type || this.waitMs === 0) {
      this.flush();
      this.streaming = event.type;
      this.emit(event);
      return true;
    }
    if (this.waiting && this.waiting.text.length + text.length > MAX_CHARACTERS) this.flush();
    if (this.waiting) this.waiting.text += text;
    else {
      this.waiting = { type: event.type, text };
      this.timer = setTimeout(() => this.flush(), this.waitMs);
    }
    return true;
  }

  /** What waits leaves now. */
  flush(): void {
    clearTimeout(this.timer);
    const { waiting } = this;
    this.waiting = null;
    if (waiting) this.emit(deltaOf(waiting.type, waiting.text));
  }

  /** What waits leaves now, and the next text is the first of another answer. */
  endText(): void {
    this.flush();
    this.streaming = null;
  }

  /** What waits is forgotten. */
  drop(): void {
    clearTimeout(this.timer);
    this.waiting = null;
  }
}

function deltaOf(type: Delta['type'], text: string): RunEventBody {
  return type === 'text' ? { type, data: { text, author: 'assistant' } } : { type, data: { thinking: text, text } };
}
