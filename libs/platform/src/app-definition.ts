import type { AppErrorCode, FieldProblem } from '@agentfleet/errors';
import type { Type } from '@nestjs/common';
import type { EnvDefinition } from './env/define-env';
import type { PlatformEnv } from './env/platform-variables';
import type { StaticKey } from './identity/identity';

/** A failure on its way to the caller; the app words it in its contract's dialect. */
export interface RenderableError {
  readonly code: AppErrorCode;
  /** The table's status; the dialect may give another. */
  readonly status: number;
  readonly message: string;
  readonly problems: readonly FieldProblem[];
  readonly extra: Readonly<Record<string, unknown>>;
  /** Only for our own bugs: finds the log line. */
  readonly errorId: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly correlationId: string;
  /** Path of the request, without its query. */
  readonly path: string;
}

export interface RenderedError {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ErrorRenderer = (failure: RenderableError) => RenderedError;

export interface HttpRules<E> {
  /** Unknown paths below these ask for credentials first (401), then answer 404; all others are a plain 404. */
  readonly protectedPrefixes: readonly string[];
  /** Paths (or prefixes ending in `*`) below the protected ones that are public all the same. */
  readonly publicPaths?: readonly string[];
  /** Upgrades on unknown paths below the protected ones: like other requests (default), or a plain 404 where the contract says so. */
  readonly unknownSocketPath?: 'not_found';
  readonly bodyLimitBytes: (env: E) => number;
  readonly maxJsonDepth: number;
  /** Whether an empty body with `Content-Type: application/json` counts as `{}`. */
  readonly emptyJsonBody: 'object' | 'refuse';
  /** How `[]`, `"x"`, `null`, `5` as a body are answered. */
  readonly nonObjectBody: 'malformed_json' | 'validation_failed';
  /** How nesting beyond `maxJsonDepth` is answered. */
  readonly deepJson: 'malformed_json' | 'validation_failed';
  /** Failed authentications per source address before 429 instead of 401. */
  readonly authFailuresPerMinute: number;
}

/** Everything that makes one app; `startApp` and `bootApp` do the rest. */
export interface AppDefinition<E extends PlatformEnv> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly module: Type;
  readonly env: EnvDefinition<E>;
  readonly port: (env: E) => number;
  readonly renderError: ErrorRenderer;
  readonly http: HttpRules<E>;
  readonly staticKeys?: (env: E) => readonly StaticKey[];
  /** How long `onDrain` tasks may take at SIGTERM, in milliseconds; default 8000. The process ends 2 s later at most. */
  readonly drainLimitMs?: number;
}

export const DRAIN_LIMIT_MS = 8000;
