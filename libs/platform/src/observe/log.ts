import type { LoggerService } from '@nestjs/common';
import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { currentContext } from './request-context';

/** The structured log: `log.info({ fields }, 'text')`. */
export type Log = PinoLogger;
export const LOG = Symbol('LOG');

const SECRET_KEYS = [
  'authorization',
  'Authorization',
  'token',
  'accessToken',
  'refreshToken',
  'auth_token',
  'secret',
  'password',
  'api_key',
  'apiKey',
  'key',
  'cookie',
  'x-api-key',
];

/** Fields that never reach the log, at the top and one and two levels down. */
const REDACTED_PATHS = SECRET_KEYS.flatMap((key) => {
  const step = /^[A-Za-z_]+$/.test(key) ? key : `["${key}"]`;
  const after = step.startsWith('[') ? step : `.${step}`;
  return [step, `*${after}`, `*.*${after}`];
});

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

export function createLog(options: { app: string; replicaId: string; level: string; destination?: DestinationStream }): Log {
  const settings = {
    level: options.level,
    base: { app: options.app, replica: options.replicaId },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    serializers: { err: serializeError },
    mixin: () => {
      const context = currentContext();
      return context ? { correlation_id: context.correlationId } : {};
    },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
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
