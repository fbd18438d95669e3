import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import type { DestinationStream } from 'pino';
import { DRAIN_LIMIT_MS, type AppDefinition, type HttpRules } from './app-definition';
import { BusServer } from './bus/bus-transport';
import { describeProblems, type EnvProblem } from './env/define-env';
import { isWildcardHost, platformProblems, type PlatformEnv } from './env/platform-variables';
import { ErrorFilter } from './http/error-filter';
import { addHooks, createHttpAdapter, type HttpDeps } from './http/fastify';
import { addBodyParsers } from './http/body-parsers';
import { addViewport, describeApi, serveApiDocs } from './http/openapi';
import { addPageHeaders } from './http/page-headers';
import { DtoPipe } from './http/validation';
import { nestLogger } from './observe/log';
import { PlatformModule } from './platform.module';
import { createServices, type Services } from './services';
import { SocketAdapter } from './sockets/socket-adapter';
import { VERSION } from './version';

/** A variable that is missing or wrong; the message names each and what is wrong with it. */
export class EnvError extends Error {
  constructor(
    app: string,
    readonly problems: readonly EnvProblem[],
  ) {
    super(describeProblems(app, problems));
    this.name = 'EnvError';
  }
}

export interface BootOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly processMetrics?: boolean;
  readonly logDestination?: DestinationStream;
}

/** One replica, listening. */
export interface RunningApp {
  readonly app: NestFastifyApplication;
  readonly services: Services;
  readonly replicaId: string;
  /** `http://host:port`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Drains (at most 8 s), closes sockets and server, then bus and database. */
  close(): Promise<void>;
}

/** @throws EnvError */
export function readEnv<E extends PlatformEnv>(definition: AppDefinition<E>, source: BootOptions['env']): E {
  const result = definition.env.parse(source);
  if (!result.ok) throw new EnvError(definition.name, result.problems);
  const problems = platformProblems(result.values);
  if (problems.length > 0) throw new EnvError(definition.name, problems);
  return result.values;
}

/** Boots one replica of an app. It listens at once and is ready when MongoDB answered; it needs Redis for neither. */
export async function bootApp<E extends PlatformEnv>(definition: AppDefinition<E>, options: BootOptions): Promise<RunningApp> {
  const env = readEnv(definition, options.env);
  const logDestination = options.logDestination ? { logDestination: options.logDestination } : {};
  const services = createServices(definition, env, { processMetrics: options.processMetrics ?? false, ...logDestination });
  const app = await createNestApp(definition, env, services);
  serveApiDocs(app, definition, VERSION);
  app.connectMicroservice({ strategy: new BusServer(services.busOptions) }, { inheritAppConfig: false });
  const { identity, lifecycle, log, sourceAddress, localCallers } = services;
  app.useWebSocketAdapter(new SocketAdapter(app, { identity, lifecycle, log, sourceAddress, localCallers, rules: definition.http, renderError: definition.renderError }));
  try {
    await app.startAllMicroservices();
    await app.listen({ port: definition.port(env), host: env.HOST, backlog: 4096 });
  } catch (error) {
    await app.close().catch(() => undefined);
    await stopServices(services);
    throw error;
  }
  const { port } = app.getHttpServer().address() as AddressInfo; // a TCP server's address is never a string
  const shownHost = isWildcardHost(env.HOST) ? '127.0.0.1' : env.HOST;
  const host = (name: string) => (name.includes(':') ? `[${name}]` : name);
  if (services.replica.internalUrl === '') {
    services.replica.internalUrl = `http://${host(isWildcardHost(env.HOST) ? hostname() : env.HOST)}:${port}`;
  }
  services.bus.start();
  services.database.openInBackground(lifecycle);
  return {
    app,
    services,
    replicaId: services.replica.id,
    url: `http://${host(shownHost)}:${port}`,
    port,
    close: () => closeApp(app, services, definition.drainLimitMs),
  };
}

/** The OpenAPI document of an app, without listening and without databases. */
export async function openApiOf<E extends PlatformEnv>(definition: AppDefinition<E>): Promise<OpenAPIObject> {
  const env = { ...definition.env.defaults(), SECRETS_KEY: `none:${Buffer.alloc(32).toString('base64')}`, LOG_LEVEL: 'error' };
  const services = createServices(definition, env, { processMetrics: false });
  const app = await createNestApp(definition, env, services, { preview: true });
  try {
    return describeApi(app, definition, VERSION, `http://127.0.0.1:${definition.port(env)}`);
  } finally {
    await app.close();
    await stopServices(services);
  }
}

async function createNestApp<E extends PlatformEnv>(
  definition: AppDefinition<E>,
  env: E,
  services: Services,
  options: { preview?: boolean } = {},
): Promise<NestFastifyApplication> {
  const rules: HttpRules<never> = definition.http;
  const deps: HttpDeps = {
    identity: services.identity,
    lifecycle: services.lifecycle,
    database: services.database,
    metrics: services.metrics,
    log: services.log,
    renderError: definition.renderError,
    rules,
    bodyLimitBytes: definition.http.bodyLimitBytes(env),
    sourceAddress: services.sourceAddress,
    localCallers: services.localCallers,
  };
  const adapter = createHttpAdapter(deps);
  const app = await NestFactory.create<NestFastifyApplication>(PlatformModule.around(definition.module, services), adapter, {
    logger: options.preview ? ['error'] : nestLogger(services.log),
    abortOnError: false,
    preview: options.preview ?? false,
  });
  addBodyParsers(app, rules);
  const fastify: FastifyInstance = adapter.getInstance();
  await addPageHeaders(fastify, env.CORS_ORIGINS);
  addHooks(fastify, deps);
  addViewport(fastify);
  app.useGlobalPipes(new DtoPipe());
  app.useGlobalFilters(new ErrorFilter(definition.renderError, services.log));
  return app;
}

async function closeApp(app: NestFastifyApplication, services: Services, drainLimitMs = DRAIN_LIMIT_MS): Promise<void> {
  await services.lifecycle.drain(drainLimitMs);
  await services.leases.stop(); // others go on at once
  await app.close();
  await stopServices(services);
}

async function stopServices(services: Services): Promise<void> {
  await services.lifecycle.close();
  await services.leases.stop();
  await services.replicas.leave();
  await services.bus.stop();
  await services.database.close();
}
