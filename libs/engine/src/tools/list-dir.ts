import { type Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { z } from 'zod';
import { defineTool, refusal, said, type ToolAnswer, type ToolContext } from './tool';
import { openInWorkspace, PathRefused } from './workspace-files';

const MAX_SHOWN = 1000;
/** Above this even sorting a directory is too much for one call. */
const MAX_READ = 200_000;

/** One name per line, directories with `/`, sorted, at most 1000; `(empty)`. */
export const listDir = defineTool({
  name: 'ListDir',
  description: 'Lists a directory of the workspace: one name per line, directories end in "/".',
  isReadOnly: true,
  input: z.object({ path: z.string().max(4096).default('.').describe('Directory, relative to the workspace') }),
  run: (input, context) => list(input.path, context),
});

async function list(path: string, context: ToolContext): Promise<ToolAnswer> {
  try {
    const opened = await openInWorkspace(context.workspaceDir, path, 'directory');
    try {
      // Reading by way of the descriptor lists what was checked, whatever the name means by now.
      const names = await namesIn(process.platform === 'linux' ? `/proc/self/fd/${opened.handle.fd}` : opened.realPath, context.signal);
      return said(wording(names.sort(byCodeUnits)));
    } finally {
      await opened.handle.close();
    }
  } catch (error) {
    if (error instanceof PathRefused) return refusal(error.message);
    throw error;
  }
}

async function namesIn(directory: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of await opendir(directory)) {
    signal.throwIfAborted();
    names.push(nameOf(entry));
    if (names.length >= MAX_READ) break;
  }
  return names;
}

/** A name with a line break would look like two entries. */
function nameOf(entry: Dirent): string {
  const name = entry.name.replace(/\p{Cc}/gu, '?');
  return entry.isDirectory() ? `${name}/` : name;
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function wording(names: readonly string[]): string {
  if (names.length === 0) return '(empty)';
  const shown = names.slice(0, MAX_SHOWN).join('\n');
  return names.length > MAX_SHOWN ? `${shown}\n(${names.length - MAX_SHOWN} more are not shown)` : shown;
}
