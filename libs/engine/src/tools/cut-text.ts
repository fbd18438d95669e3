import { wellFormed } from '@agentfleet/contracts';

export interface CutText {
  readonly text: string;
  readonly truncated: boolean;
  /** UTF-8 bytes of the whole text. */
  readonly sizeBytes: number;
}

/** Escaped as JSON a result must leave room for the rest of its frame (900,000 bytes). */
const MAX_ESCAPED_BYTES = 850_000;

/** Cuts a text in the middle to `maxBytes` of UTF-8, and to what fits into a frame once it is escaped. */
export function cutInTheMiddle(text: string, maxBytes: number): CutText {
  const bytes = Buffer.from(text);
  const sizeBytes = bytes.length;
  if (sizeBytes <= maxBytes && escapedBytes(text) <= MAX_ESCAPED_BYTES) return { text: wellFormed(text), truncated: false, sizeBytes };
  let room = Math.min(maxBytes, sizeBytes);
  let cut = cutBytes(bytes, room);
  while (escapedBytes(cut) > MAX_ESCAPED_BYTES) {
    room = Math.floor(room * 0.7);
    cut = cutBytes(bytes, room);
  }
  return { text: cut, truncated: true, sizeBytes };
}

function cutBytes(bytes: Buffer, room: number): string {
  const marker = `\n… ${bytes.length - room} bytes left out …\n`;
  const kept = Math.max(0, room - Buffer.byteLength(marker));
  let headEnd = Math.ceil(kept / 2);
  let tailStart = bytes.length - Math.floor(kept / 2);
  while (headEnd > 0 && isContinuation(bytes[headEnd])) headEnd -= 1;
  while (tailStart < bytes.length && isContinuation(bytes[tailStart])) tailStart += 1;
  return bytes.toString('utf8', 0, headEnd) + marker + bytes.toString('utf8', tailStart);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function escapedBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
