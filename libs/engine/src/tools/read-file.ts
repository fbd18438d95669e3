import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { defineTool, refusal, said, type ToolAnswer, type ToolContext } from './tool';
import { openInWorkspace, PathRefused } from './workspace-files';

const MAX_TEXT_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;

/** Lines of a text file, at most 1 MiB of them; binary files are refused. */
export const readFile = defineTool({
  name: 'ReadFile',
  description: 'Reads a text file of the workspace. Long files are read in parts, by line numbers.',
  isReadOnly: true,
  input: z.object({
    path: z.string().min(1).max(4096).describe('File, relative to the workspace'),
    offset: z.number().int().min(1).default(1).describe('First line, from 1'),
    limit: z.number().int().min(1).max(1_000_000).default(2000).describe('Number of lines'),
  }),
  run: (input, context) => read(input, context),
});

interface Wanted {
  readonly path: string;
  readonly offset: number;
  readonly limit: number;
}

async function read(wanted: Wanted, context: ToolContext): Promise<ToolAnswer> {
  try {
    const opened = await openInWorkspace(context.workspaceDir, wanted.path, 'file');
    try {
      return await readLines(opened.handle, wanted, context.signal);
    } finally {
      await opened.handle.close();
    }
  } catch (error) {
    if (error instanceof PathRefused) return refusal(error.message);
    throw error;
  }
}

/** Reads on only until the wanted lines are there: the file may be larger than memory. */
async function readLines(handle: FileHandle, wanted: Wanted, signal: AbortSignal): Promise<ToolAnswer> {
  const lines = new LineWindow(wanted);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, null);
    const chunk = buffer.subarray(0, bytesRead);
    if (chunk.includes(0)) return refusal(binary(wanted.path));
    try {
      lines.add(decoder.decode(chunk, { stream: bytesRead > 0 }));
    } catch {
      return refusal(binary(wanted.path));
    }
    if (bytesRead === 0) return lines.finish();
    if (lines.isFull) return lines.finish();
  }
}

function binary(path: string): string {
  return `${JSON.stringify(path)} is not a text file (UTF-8), so it is not shown.`;
}

/** Keeps the lines from `offset` on, up to `limit` lines and 1 MiB. */
class LineWindow {
  isFull = false;
  private line = 1;
  private text = '';
  private bytes = 0;
  private note = '';

  constructor(private readonly wanted: Wanted) {}

  add(text: string): void {
    let at = 0;
    while (at < text.length && !this.isFull) {
      const end = text.indexOf('\n', at);
      const part = end === -1 ? text.slice(at) : text.slice(at, end + 1);
      if (this.line >= this.wanted.offset) this.keep(part);
      at += part.length;
      if (end === -1) continue;
      this.line += 1;
      if (this.line >= this.wanted.offset + this.wanted.limit) {
        this.isFull = true;
        if (at < text.length) this.note = `\n(more lines follow: go on with offset=${this.line})`;
      }
    }
  }

  finish(): ToolAnswer {
    if (this.line < this.wanted.offset) return refusal(`The file has only ${this.line} lines.`);
    const text = this.text.replace(/\n$/, '') + this.note;
    return said(text.trim() === '' ? '(empty)' : text);
  }

  private keep(part: string): void {
    const bytes = Buffer.byteLength(part);
    if (this.bytes + bytes <= MAX_TEXT_BYTES) {
      this.text += part;
      this.bytes += bytes;
      return;
    }
    const room = Buffer.from(part).subarray(0, MAX_TEXT_BYTES - this.bytes);
    this.text += new TextDecoder('utf-8').decode(room).replace(/\uFFFD+$/, '');
    this.note = `\n(cut at 1 MiB in line ${this.line}: go on with offset=${this.line + 1})`;
    this.isFull = true;
  }
}
