import { chmodSync, closeSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/** The text of a file, or undefined when there is none. */
export function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Replaces a file at once with mode 0600: readers see the old or the new content, nobody else sees either. */
export function writePrivateFile(file, content) {
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, content, { mode: 0o600 });
  renameSync(part, file);
}

/** Has a file with mode 0600 there, and keeps what is in it: for programs that would make it readable for everybody. */
export function ensurePrivateFile(file) {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}
