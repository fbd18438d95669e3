import { randomBytes } from 'node:crypto';
import type { DestinationStream } from 'pino';
import type { AppDefinition } from './app-definition';
import { Audit } from './audit';
import { Bus } from './bus/bus';
import { Changes } from './changes';
import type { BusOptions } from './bus/redis-options';
import type { PlatformEnv } from './env/platform-variables';
import { EventStreams } from './http/event-streams';
import { LocalCallers } from './http/local-callers';
import { HealthChecks } from './http/operations.controller';
import { SourceAddress } from './http/source-address';
import { FieldCipher } from './identity/field-cipher';
import { Identity } from './identity/identity';
import { IdentityStore } from './identity/identity-store';
import { KeyUsage } from './identity/key-usage';
import { TokenVerifier } from './identity/token-verifier';
import { Leases } from './leases';
import { Lifecycle } from './lifecycle';
import { LiveCallers } from './live/live-callers';
import { Database } from './mongo/database';
import { Transactions } from './mongo/transactions';
import { systemClock } from './observe/clock';
import { createLog, type Log } from './observe/log';
import { LogDestination, standardOutput } from './observe/log-destination';
import { Metrics } from './observe/metrics';
import type { Replica } from './replica';
import { Replicas } from './replicas';
import { VERSION } from './version';

export interface ServiceOptions {
  /** Process metrics (CPU, memory, event loop); off in tests. */
  readonly processMetrics: boolean;
  readonly logDestination?: DestinationStream;
}

/** Makes the platform's services of one replica. Nothing connects before it is told to. */
export function createServices<E extends PlatformEnv>(definition: AppDefinition<E>, env: E, options: ServiceOptions) {
  const replica: Replica = {
    id: `${definition.name}-${randomBytes(4).toString('hex')}`,
    app: definition.name,
    internalUrl: env.INTERNAL_URL ?? '',
    version: VERSION,
    gitCommit: env.GIT_COMMIT,
    startedAt: new Date(),
  };
  const destination = options.logDestination ?? new LogDestination(standardOutput());
  const log = createLog({ app: definition.name, replicaId: replica.id, level: env.LOG_LEVEL, destination });
  const metrics = new Metrics({ defaults: options.processMetrics });
  if (destination instanceof LogDestination) watchLog(destination, log, metrics);
  const lifecycle = new Lifecycle(log, metrics);
  const database = new Database(env.MONGODB_URI, log, definition.name);
  const { connection } = database;
  const busOptions: BusOptions = { redisUrl: env.REDIS_URL, prefix: `${Database.nameOf(env.MONGODB_URI)}:`, replicaId: replica.id, log };
  const bus = new Bus(busOptions, replica, metrics, lifecycle);
  const identityStore = new IdentityStore(connection);
  const tokens = new TokenVerifier(identityStore);
  const keyUsage = new KeyUsage(bus, lifecycle);
  const identity = new Identity(identityStore, tokens, keyUsage, {
    authMode: env.AUTH_MODE,
    staticKeys: definition.staticKeys?.(env) ?? [],
    failuresPerMinute: definition.http.authFailuresPerMinute,
  });
  const transactions = new Transactions(connection, bus, log);
  const audit = new Audit(connection, definition.name, metrics);
  return {
    env,
    replica,
    log,
    metrics,
    lifecycle,
    database,
    busOptions,
    bus,
    identityStore,
    tokens,
    identity,
    live: new LiveCallers(identity, identityStore, systemClock, log, lifecycle),
    transactions,
    audit,
    changes: new Changes(transactions, audit, identityStore),
    cipher: new FieldCipher(env.SECRETS_KEY ?? ''),
    eventStreams: new EventStreams(lifecycle),
    replicas: new Replicas(connection, replica, lifecycle),
    leases: new Leases(connection, replica, lifecycle),
    health: new HealthChecks(database, bus, lifecycle, replica.startedAt),
    sourceAddress: new SourceAddress(env.TRUSTED_PROXIES),
    localCallers: new LocalCallers(env),
  };
}

/** What the log itself cannot say while it cannot be written. */
function watchLog(destination: LogDestination, log: Log, metrics: Metrics): void {
  const dropped = metrics.counter({ name: 'log_lines_dropped_total', help: 'Lines of the log that could not be written: the disk is full, or nobody reads the output' });
  destination.watch({
    dropped: () => dropped.inc(),
    recovered: (lines, code) => log.warn({ dropped_lines: lines, code }, `${lines} lines of the log are missing here: they could not be written (${code})`),
  });
}

export type Services = ReturnType<typeof createServices<PlatformEnv>>;
