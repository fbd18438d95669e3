import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DRAIN_LIMIT_MS, type AppDefinition } from './app-definition';
import { bootApp, EnvError, openApiOf, readEnv, type RunningApp } from './boot-app';
import type { PlatformEnv } from './env/platform-variables';
import { LogDestination, standardOutput } from './observe/log-destination';

const CLOSING_MS = 2000;

const say = (text: string) => void process.stdout.write(`${text}\n`);
const complain = (text: string) => void process.stderr.write(`${text}\n`);

/**
 * The whole life of an app's process: `--check-env`, `--write-openapi FILE`, or boot, run, drain. It ends within 2 s of
 * its drain limit after SIGTERM, SIGINT, SIGHUP, or of losing the process that started it with a channel.
 */
export async function startApp<E extends PlatformEnv>(definition: AppDefinition<E>): Promise<void> {
  const flags = process.argv.slice(2);
  try {
    if (flags.includes('--check-env')) {
      readEnv(definition, process.env);
      for (const { name, problem } of definition.env.misspelled(process.env)) say(`note: ${name} ${problem}`);
      say(`${definition.name}: all variables are valid`);
      return;
    }
    const openApiFlag = flags.indexOf('--write-openapi');
    if (openApiFlag >= 0) {
      await writeOpenApi(definition, flags[openApiFlag + 1]);
      return;
    }
    await run(definition);
  } catch (error) {
    complain(explain(definition, error));
    process.exitCode = 1;
    setTimeout(() => process.exit(1), 500).unref();
  }
}

async function writeOpenApi<E extends PlatformEnv>(definition: AppDefinition<E>, file: string | undefined): Promise<void> {
  if (file === undefined) throw new Error('--write-openapi needs the name of a file');
  const document = await openApiOf(definition);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
  say(`${definition.name}: wrote ${file}`);
}

async function run<E extends PlatformEnv>(definition: AppDefinition<E>): Promise<void> {
  const logDestination = new LogDestination(standardOutput());
  process.on('exit', () => logDestination.flush());
  const running = await bootApp(definition, { env: process.env, processMetrics: true, logDestination });
  endWithProcess(running, (definition.drainLimitMs ?? DRAIN_LIMIT_MS) + CLOSING_MS);
  await running.services.lifecycle.whenReady();
  const bootMs = Math.round(process.uptime() * 1000); // the loading of modules, which takes the most of it, included
  running.services.log.info({ port: running.port, boot_ms: bootMs }, `${definition.name} is ready on ${running.url} after ${bootMs} ms`);
  for (const { name, problem } of definition.env.misspelled(process.env)) running.services.log.warn(`${name} ${problem}`);
  if (running.services.env.AUTH_MODE === 'off') {
    running.services.log.warn('AUTH_MODE=off: callers without credentials act as owner of the default organization');
  }
}

function endWithProcess(running: RunningApp, limitMs: number): void {
  const { log } = running.services;
  let ending = false;
  const end = (reason: string) => {
    if (ending) return;
    ending = true;
    log.info({ reason }, 'Shutting down');
    setTimeout(() => {
      log.error('Shutdown took too long');
      process.exit(1);
    }, limitMs).unref();
    running.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'Shutdown failed');
        process.exit(1);
      },
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => end(signal));
  if (process.channel) process.on('disconnect', () => end('the process that started this one is gone'));
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'Unhandled rejection');
    process.exit(1);
  });
}

function explain<E extends PlatformEnv>(definition: AppDefinition<E>, error: unknown): string {
  if (error instanceof EnvError) return error.message;
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    const variable = Object.keys(definition.env.variables).find((name) => name.endsWith('_PORT')) ?? 'its port';
    const port = 'port' in error ? String(error.port) : '';
    return `${definition.name} cannot start: port ${port} is in use. Stop what uses it or set ${variable} to another port.`;
  }
  return `${definition.name} cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
