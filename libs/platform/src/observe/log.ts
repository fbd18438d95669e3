import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentContext } from './request-context';

/** The structured log: `log.info({ fields }, 'text')`. */
export type Log = PinoLogger;
export const LOG = Symbol('LOG');

const SECRET_KEYS = new Set([
  'authorization',
  'token',
  'accesstoken',
  'refreshtoken',
  'auth_token',
  'secret',
  'password',
  'api_key',
  'apikey',
  'key',
  'cookie',
  'x-api-key',
]);
const CENSORED = '[redacted]';
/** Levels of objects and lists in each other that are looked into. */
const DEPTH = 5;

/** Fields without those that never reach the log, whatever their case. What holds none, nearly every line, is not copied. */
export function withoutSecrets(fields: Readonly<Record<string, unknown>>, depth = DEPTH): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const key in fields) {
    const value = fields[key];
    const shown = SECRET_KEYS.has(key.toLowerCase()) ? CENSORED : typeof value === 'object' && value !== null ? inside(value, depth) : value;
    if (shown !== value) (copy ??= { ...fields })[key] = shown;
  }
  return copy ?? fields;
}

function inside(value: object, depth: number): unknown {
  if (depth <= 0) return '[not shown: too deep]';
  if (Array.isArray(value)) {
    const shown: unknown[] = value.map((item: unknown) => (typeof item === 'object' && item !== null ? inside(item, depth - 1) : item));
    return shown.some((item, index) => item !== value[index]) ? shown : value;
  }
  if (value instanceof Error || ArrayBuffer.isView(value)) return value; // an error's serializer shows what is known to be harmless
  return withoutSecrets(value as Record<string, unknown>, depth - 1); // any object has named fields
}

/** Credentials in a query string or URL user info, wherever they stand in a text. */
export function withoutUrlSecrets(value: string): string {
  return value
    .replace(/([?&](?:token|access_token|api_key|key|secret|password)=)[^&\s"]+/gi, '$1[redacted]')
    .replace(/(\w+:\/\/)[^/\s:@]+:[^/\s@]+@/g, '$1[redacted]@');
}

/** Driver errors carry addresses and commands; a log line gets name, message, code and stack without URL credentials. */
function serializeError(error: unknown): object {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : undefined;
  return {
    type: error.name,
    message: withoutUrlSecrets(error.message).slice(0, 2000),
    code,
    stack: error.stack === undefined ? undefined : withoutUrlSecrets(error.stack).slice(0, 4000),
    cause: error.cause instanceof Error ? serializeError(error.cause) : undefined,
  };
}

interface LogOptions {
  readonly app: string;
  readonly replicaId: string;
  readonly level: string;
  readonly destination: DestinationStream;
}

export function createLog({ app, replicaId, level, destination }: LogOptions): Log {
  return pino(
    {
      level,
      base: { app, replica: replicaId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }), log: withoutSecrets },
      serializers: { err: serializeError },
      mixin: () => {
        const context = currentContext();
        return context ? { correlation_id: context.correlationId } : {};
      },
    },
    destination,
  );
}

/** Nest's own messages, through the same log. */
export function nestLogger(log: Log): LoggerService {
  const context = (rest: readonly unknown[]) => ({ context: rest.at(-1) });
  return {
    log: (message: unknown, ...rest: unknown[]) => log.debug(context(rest), String(message)),
    warn: (message: unknown, ...rest: unknown[]) => log.warn(context(rest), String(message)),
    error: (message: unknown, ...rest: unknown[]) =>
      message instanceof Error ? log.error({ err: message, ...context(rest) }, 'Nest error') : log.error(context(rest), String(message)),
    debug: (message: unknown, ...rest: unknown[]) => log.trace(context(rest), String(message)),
    verbose: (message: unknown, ...rest: unknown[]) => log.trace(context(rest), String(message)),
  };
}
