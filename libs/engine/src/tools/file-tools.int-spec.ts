import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listDir } from './list-dir';
import { readFile } from './read-file';

let base: string;
let workspaceDir: string;
const context = () => ({ workspaceDir, signal: new AbortController().signal });
const list = (path?: string) => listDir.run(path === undefined ? {} : { path }, context());
const read = (path: string, more: object = {}) => readFile.run({ path, ...more }, context());

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'engine-tools-'));
  workspaceDir = join(base, 'root');
  await mkdir(join(workspaceDir, 'sub/deep'), { recursive: true });
  await mkdir(join(workspaceDir, 'void'));
  await mkdir(join(base, 'root-evil'));
  await writeFile(join(base, 'root-evil/secret.txt'), 'secret');
  await writeFile(join(workspaceDir, 'b.txt'), 'one\ntwo\nthree\n');
  await writeFile(join(workspaceDir, 'a.txt'), 'A');
  await writeFile(join(workspaceDir, 'nothing.txt'), '');
  await writeFile(join(workspaceDir, 'sub/inner.txt'), 'inner');
  await writeFile(join(workspaceDir, 'picture.bin'), Buffer.from([1, 2, 0, 4]));
  await writeFile(join(workspaceDir, 'latin.txt'), Buffer.from([0x61, 0xe9, 0x62]));
  await symlink(join(base, 'root-evil'), join(workspaceDir, 'link-out'));
  await symlink(join(base, 'root-evil/secret.txt'), join(workspaceDir, 'link-file-out'));
  await symlink('sub', join(workspaceDir, 'link-in'));
  await symlink('nowhere', join(workspaceDir, 'link-dangling'));
  execFileSync('mkfifo', [join(workspaceDir, 'pipe')]);
});
afterAll(() => rm(base, { recursive: true, force: true }));

describe('ListDir', () => {
  it('lists the workspace: sorted, directories marked', async () => {
    const answer = await list();
    expect(answer).toEqual({
      isError: false,
      text: ['a.txt', 'b.txt', 'latin.txt', 'link-dangling', 'link-file-out', 'link-in', 'link-out', 'nothing.txt', 'picture.bin', 'pipe', 'sub/', 'void/'].join('\n'),
    });
  });

  it('says when a directory is empty, and follows links that stay inside', async () => {
    expect(await list('void')).toEqual({ isError: false, text: '(empty)' });
    expect(await list('link-in')).toEqual({ isError: false, text: 'deep/\ninner.txt' });
    expect(await list(join(workspaceDir, 'sub/deep/..'))).toEqual({ isError: false, text: 'deep/\ninner.txt' });
  });

  it('shows at most 1000 names', async () => {
    const many = join(workspaceDir, 'sub/deep');
    await Promise.all(Array.from({ length: 1003 }, (_, i) => writeFile(join(many, `f${String(i).padStart(4, '0')}`), '')));
    const { text } = await list('sub/deep');
    expect(text.split('\n')).toHaveLength(1001);
    expect(text.endsWith('f0999\n(3 more are not shown)')).toBe(true);
    await rm(many, { recursive: true });
  });

  it.each(['..', '../root-evil', '/', '/etc', 'sub/../..', 'link-out', 'a\0b'])('refuses %j', async (path) => {
    expect((await list(path)).isError).toBe(true);
  });

  it('refuses what is no directory', async () => {
    expect(await list('a.txt')).toMatchObject({ isError: true, text: expect.stringContaining('is a file') });
    expect(await list('gone')).toMatchObject({ isError: true, text: expect.stringContaining('does not exist') });
  });
});

describe('ReadFile', () => {
  it('reads a file and a part of it', async () => {
    expect(await read('b.txt')).toEqual({ isError: false, text: 'one\ntwo\nthree' });
    expect(await read('b.txt', { offset: 2, limit: 1 })).toEqual({ isError: false, text: 'two\n(more lines follow: go on with offset=3)' });
    expect(await read('nothing.txt')).toEqual({ isError: false, text: '(empty)' });
    expect(await read('b.txt', { offset: 99 })).toMatchObject({ isError: true });
    expect(await read('link-in/inner.txt')).toEqual({ isError: false, text: 'inner' });
  });

  it('stops at 1 MiB', async () => {
    await writeFile(join(workspaceDir, 'sub/large.txt'), 'x'.repeat(3 * 1024 * 1024));
    const { text, isError } = await read('sub/large.txt');
    expect(isError).toBe(false);
    expect(text).toMatch(/^x{1048576}\n\(cut at 1 MiB in line 1: go on with offset=2\)$/);
    await rm(join(workspaceDir, 'sub/large.txt'));
  });

  it('refuses binary files and other encodings', async () => {
    expect(await read('picture.bin')).toMatchObject({ isError: true, text: expect.stringContaining('not a text file') });
    expect(await read('latin.txt')).toMatchObject({ isError: true, text: expect.stringContaining('not a text file') });
  });

  it.each(['../root-evil/secret.txt', 'link-out/secret.txt', 'link-file-out', '/etc/passwd', '/proc/self/environ', 'x\0y', ''])('refuses %j', async (path) => {
    const answer = await read(path);
    expect(answer.isError).toBe(true);
    expect(answer.text).not.toContain('secret"');
  });

  it('refuses FIFOs, devices and directories without hanging', async () => {
    expect(await read('pipe')).toMatchObject({ isError: true, text: expect.stringContaining('neither a regular file') });
    await symlink('/dev/zero', join(workspaceDir, 'zero'));
    expect((await read('zero')).isError).toBe(true);
    await rm(join(workspaceDir, 'zero'));
    expect(await read('sub')).toMatchObject({ isError: true, text: expect.stringContaining('is a directory') });
    expect(await read('link-dangling')).toMatchObject({ isError: true, text: expect.stringContaining('leads nowhere') });
  });

  it('checks its arguments', () => {
    expect(readFile.problem({})).toContain('path');
    expect(readFile.problem({ path: 'a', offset: 0 })).toContain('offset');
    expect(readFile.problem({ path: 'a' })).toBeNull();
  });
});
