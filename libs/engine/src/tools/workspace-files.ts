import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import { isAbsolute, resolve, sep } from 'node:path';
import { cutText } from '@agentfleet/contracts';

/** Why a path is refused, as a sentence for the model. */
export class PathRefused extends Error {}

export interface OpenedPath {
  readonly handle: FileHandle;
  readonly stats: Stats;
  /** Where the descriptor really leads. */
  readonly realPath: string;
}

/** O_NONBLOCK: opening a FIFO without a writer would hang for ever. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * Opens a path of the workspace for reading. Judged is the opened descriptor, not the name: a link swapped in between
 * the check and the use leads nowhere. The caller closes the handle. Throws `PathRefused`.
 */
export async function openInWorkspace(workspaceDir: string, path: string, wanted: 'file' | 'directory'): Promise<OpenedPath> {
  const root = await realpath(workspaceDir).catch(() => {
    throw new PathRefused('The workspace directory does not exist.');
  });
  const full = lexicalPath(workspaceDir, path);
  await refuseSpecial(full, path, wanted);
  const handle = await open(full, READ_FLAGS).catch((error: unknown) => {
    throw new PathRefused(openProblem(error, path));
  });
  try {
    const stats = await handle.stat();
    const realPath = await pathOfDescriptor(handle, full);
    if (!isInside(root, realPath)) throw new PathRefused(outside(path));
    refuseKind(stats, path, wanted);
    return { handle, stats, realPath };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** True for the directory itself and everything below it. */
export function isInside(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}

function lexicalPath(workspaceDir: string, path: string): string {
  if (path.includes('\0')) throw new PathRefused('A path must not contain NUL characters.');
  const full = resolve(workspaceDir, path);
  if (!isInside(resolve(workspaceDir), full)) throw new PathRefused(outside(path));
  return full;
}

/** Opening a device can already have effects, so what is no file or directory is not even opened. */
async function refuseSpecial(full: string, path: string, wanted: 'file' | 'directory'): Promise<void> {
  const stats = await stat(full).catch(async (error: unknown) => {
    const isDangling = await lstat(full).then((link) => link.isSymbolicLink(), () => false);
    throw new PathRefused(isDangling ? `${shown(path)} is a link that leads nowhere.` : openProblem(error, path));
  });
  if (!stats.isFile() && !stats.isDirectory()) refuseKind(stats, path, wanted);
}

function refuseKind(stats: Stats, path: string, wanted: 'file' | 'directory'): void {
  if (wanted === 'file' && stats.isFile()) return;
  if (wanted === 'directory' && stats.isDirectory()) return;
  if (wanted === 'file' && stats.isDirectory()) throw new PathRefused(`${shown(path)} is a directory. Use ListDir to see what is in it.`);
  if (wanted === 'directory' && stats.isFile()) throw new PathRefused(`${shown(path)} is a file, not a directory. Use ReadFile to read it.`);
  throw new PathRefused(`${shown(path)} is neither a regular file nor a directory, so it is not opened.`);
}

async function pathOfDescriptor(handle: FileHandle, full: string): Promise<string> {
  if (process.platform === 'linux') return readlink(`/proc/self/fd/${handle.fd}`);
  // Elsewhere: the resolved name counts only if it still is the thing that was opened.
  const [name, opened] = [await realpath(full), await handle.stat()];
  const there = await stat(name);
  if (there.ino !== opened.ino || there.dev !== opened.dev) throw new PathRefused('The file was replaced while it was opened. Try again.');
  return name;
}

function openProblem(error: unknown, path: string): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') return `${shown(path)} does not exist.`;
  if (code === 'EACCES' || code === 'EPERM') return `${shown(path)} may not be read.`;
  if (code === 'ELOOP') return `${shown(path)} is a link that leads in a circle.`;
  if (code === 'ENAMETOOLONG') return 'The path is too long.';
  return `${shown(path)} cannot be opened (${code || 'unknown reason'}).`;
}

function outside(path: string): string {
  const hint = isAbsolute(path) ? ' Use a path relative to the workspace.' : '';
  return `${shown(path)} is outside the workspace.${hint}`;
}

function shown(path: string): string {
  return JSON.stringify(path.length > 200 ? `${cutText(path, 200)}…` : path);
}
