import type { RunEventBody } from '@agentfleet/contracts';
import type { Clock } from '@agentfleet/platform';

const MAX_CHARACTERS = 100_000;
type Delta = Extract<RunEventBody, { type: 'text' | 'thinking' }>;

/**
 * Merges text deltas that follow each other closely: the first of an answer leaves at once, later ones together after
 * `waitMs`. Any other event makes what waits leave first.
 */
export class TextCoalescer {
  private waiting: { readonly type: Delta['type']; text: string } | undefined;
  /** The kind of text that was shown last without another event in between. */
  private streaming: Delta['type'] | undefined;

  constructor(
    private readonly waitMs: number,
    private readonly clock: Pick<Clock, 'sleep'>,
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
      const waiting = { type: event.type, text };
      this.waiting = waiting;
      void this.clock.sleep(this.waitMs).then(() => this.waiting === waiting && this.flush());
    }
    return true;
  }

  /** What waits leaves now. */
  flush(): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting) this.emit(deltaOf(waiting.type, waiting.text));
  }

  /** What waits leaves now, and the next text is the first of another answer. */
  endText(): void {
    this.flush();
    this.streaming = undefined;
  }

  /** What waits is forgotten. */
  drop(): void {
    this.waiting = undefined;
  }
}

function deltaOf(type: Delta['type'], text: string): RunEventBody {
  return type === 'text' ? { type, data: { text, author: 'assistant' } } : { type, data: { thinking: text, text } };
}
