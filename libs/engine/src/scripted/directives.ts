/** What a `[[key=value …]]` block of the last user message asks of the scripted model. */
export interface Directives {
  /** Tool rounds before the final answer. */
  readonly steps: number;
  readonly delayMs: number;
  /** Pieces that a text is streamed in. */
  readonly chunks: number;
  readonly chunkMs: number;
  readonly say: string | null;
  /** HTTP status to fail with. */
  readonly fail: number | null;
  /** Fails only once so many rounds are done. */
  readonly failAt: number;
  readonly tool: string | null;
  /** Calls per round. */
  readonly parallel: number;
  /** Arguments as JSON text, unchecked: wrong ones can be scripted too. */
  readonly args: string | null;
}

export const NO_DIRECTIVES: Directives = {
  steps: 0,
  delayMs: 0,
  chunks: 4,
  chunkMs: 0,
  say: null,
  fail: null,
  failAt: 0,
  tool: null,
  parallel: 1,
  args: null,
};

const KEYS = new Set(['steps', 'delay_ms', 'chunks', 'chunk_ms', 'say', 'fail', 'failat', 'tool', 'parallel', 'args']);
const BLOCK = /\[\[([^[\]]*)\]\]/g;
const MAX_MS = 600_000;
const MAX_STEPS = 10_000;

/** The directives of the last block in a text; null when there is none. */
export function parseDirectives(text: string): Directives | null {
  let found: Map<string, string> | null = null;
  for (const match of text.matchAll(BLOCK)) found = pairs(match[1] ?? '') ?? found;
  if (!found) return null;
  const value = (key: string) => found.get(key);
  return {
    steps: whole(value('steps'), 0, MAX_STEPS, NO_DIRECTIVES.steps),
    delayMs: capped(value('delay_ms'), NO_DIRECTIVES.delayMs),
    chunks: whole(value('chunks'), 1, 10_000, NO_DIRECTIVES.chunks),
    chunkMs: capped(value('chunk_ms'), NO_DIRECTIVES.chunkMs),
    say: value('say') ?? null,
    fail: whole(value('fail'), 400, 599, 0) || null,
    failAt: whole(value('failat'), 0, MAX_STEPS, NO_DIRECTIVES.failAt),
    tool: value('tool') ?? null,
    parallel: whole(value('parallel'), 1, 16, NO_DIRECTIVES.parallel),
    args: decoded(value('args')),
  };
}

/** The pairs of a block; null when nothing in it is a directive. */
function pairs(block: string): Map<string, string> | null {
  const found = new Map<string, string>();
  for (const word of block.trim().split(/\s+/)) {
    const at = word.indexOf('=');
    const key = word.slice(0, Math.max(0, at));
    if (KEYS.has(key)) found.set(key, word.slice(at + 1));
  }
  return found.size === 0 ? null : found;
}

function whole(text: string | undefined, min: number, max: number, fallback: number): number {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return fallback;
  const value = Number(text);
  return value >= min && value <= max ? value : fallback;
}

function capped(text: string | undefined, fallback: number): number {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Math.min(Number(text), MAX_MS) : fallback;
}

function decoded(text: string | undefined): string | null {
  if (text === undefined || !/^[A-Za-z0-9_-]+=*$/.test(text)) return null;
  return Buffer.from(text, 'base64url').toString('utf8');
}
