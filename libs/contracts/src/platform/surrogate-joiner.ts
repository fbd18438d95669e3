import { isHighSurrogate, wellFormed } from './text';

/** Whoever streams a text cuts it anywhere, also within a character: the first half of one waits here for the second. */
export class SurrogateJoiner {
  private half = '';

  /** What can be shown of a text and everything before it. */
  add(piece: string): string {
    const text = this.half + piece;
    const isHalf = text !== '' && isHighSurrogate(text.charCodeAt(text.length - 1));
    this.half = isHalf ? text.slice(-1) : '';
    return wellFormed(isHalf ? text.slice(0, -1) : text);
  }

  /** What waits for a half that never came; empty when nothing does. */
  end(): string {
    const rest = wellFormed(this.half);
    this.half = '';
    return rest;
  }
}
