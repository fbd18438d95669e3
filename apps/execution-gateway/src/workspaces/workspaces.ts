import { randomBytes } from 'node:crypto';
import { mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import { isInside } from '@agentfleet/engine';
import { AppError } from '@agentfleet/errors';
import { ENV, Lifecycle } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionGatewayEnv } from '../env';

const MODE = 0o700;

/** Directories that agents work in, one tree per organization (contract section 9). */
@Injectable()
export class Workspaces {
  /** Same for all replicas that share the disk; a run is executed only where its session's volume is. */
  volumeId = '';
  private readonly root: string;
  private readonly allowed: readonly string[];

  constructor(@Inject(ENV) env: ExecutionGatewayEnv, lifecycle: Lifecycle) {
    this.root = resolve(env.GATEWAY_WORKSPACES_DIR ?? join(env.DATA_DIR, 'workspaces'));
    this.allowed = env.GATEWAY_ALLOWED_WORKSPACES.map((directory) => resolve(directory));
    lifecycle.beforeReady('workspaces', () => this.open());
  }

  /** The directory that the server chooses for a session. */
  defaultFor(orgId: string, sessionId: string): string {
    return join(this.root, orgId, sessionId);
  }

  /** A directory that a caller names: absolute and normalised. @throws AppError workspace_outside_root */
  async named(orgId: string, given: string): Promise<string> {
    const organization = join(this.root, orgId);
    await mkdir(organization, { recursive: true, mode: MODE });
    const path = withoutTrailingSeparator(resolve(organization, given));
    const real = await realPathOfDeepest(path);
    const isBelow = path !== organization && isInside(organization, path) && isStrictlyBelow(await realpath(organization), real);
    if (!isBelow && !(await this.isAllowed(orgId, path, real))) throw new AppError('workspace_outside_root');
    return path;
  }

  /** Makes a directory, owner only. True when it was not there before. @throws AppError validation_failed */
  async make(path: string): Promise<boolean> {
    try {
      return (await mkdir(path, { recursive: true, mode: MODE })) !== undefined;
    } catch (error) {
      throw unusable(error);
    }
  }

  /** Puts a directory out of the way, so that its name can be used again at once. */
  async discard(path: string): Promise<void> {
    const trash = join(this.root, '.trash');
    await mkdir(trash, { recursive: true, mode: MODE });
    await rename(path, join(trash, `${basename(path)}.${randomBytes(8).toString('hex')}`)).catch(ignoreMissing);
  }

  /** Really removes what was put out of the way. */
  async emptyTrash(): Promise<void> {
    await rm(join(this.root, '.trash'), { recursive: true, force: true });
  }

  private async isAllowed(orgId: string, path: string, real: string): Promise<boolean> {
    if (orgId !== DEFAULT_ORGANIZATION_ID) return false;
    for (const directory of this.allowed) {
      const target = await realpath(directory).catch(() => null);
      if (target !== null && isInside(directory, path) && isInside(target, real)) return true;
    }
    return false;
  }

  /** The first replica names the volume; `wx` lets exactly one of several do it. */
  private async open(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: MODE });
    const file = join(this.root, '.volume-id');
    await writeFile(file, randomBytes(12).toString('hex'), { flag: 'wx', mode: 0o600 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
    const volumeId = (await readFile(file, 'utf8')).trim();
    if (volumeId === '') throw new Error(`${file} is empty: another replica is writing it, or it has to be removed`);
    this.volumeId = volumeId;
  }
}

/** The real path of the deepest part that exists, with the rest behind it: no link of the way leads elsewhere. */
async function realPathOfDeepest(path: string): Promise<string> {
  let existing = path;
  let rest = '';
  for (;;) {
    try {
      return join(await realpath(existing), rest);
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'ENOENT') throw unusable(error);
      const parent = dirname(existing);
      if (parent === existing) return path;
      rest = join(basename(existing), rest);
      existing = parent;
    }
  }
}

function isStrictlyBelow(directory: string, path: string): boolean {
  return path !== directory && isInside(directory, path);
}

function withoutTrailingSeparator(path: string): string {
  return path.length > 1 && path.endsWith(sep) ? path.slice(0, -1) : path;
}

function unusable(error: unknown): unknown {
  switch (codeOf(error)) {
    case 'ENOTDIR':
    case 'EEXIST':
      return refused('is not a directory');
    case 'ENAMETOOLONG':
      return refused('is too long for the file system');
    case 'ELOOP':
      return refused('is a link that leads in a circle');
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return refused('cannot be made there: the server may not write to it');
    default:
      return error;
  }
}

function refused(text: string): AppError {
  const message = `workspace_dir ${text}`;
  return new AppError('validation_failed', { message, problems: [{ field: 'workspace_dir', message }] });
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
