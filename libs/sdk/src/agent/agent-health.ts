import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** `stopped` for good, or while AIWM has suspended the agent. */
export type AgentMode = 'aiwm' | 'local' | 'stopped';

/** Body of `/health`. Times are ISO 8601. */
export interface AgentHealth {
  readonly status: 'ok' | 'degraded';
  readonly aiwm: {
    readonly mode: AgentMode;
    readonly connected: boolean;
    /** Only while AIWM has suspended the agent, also when it goes on all the same (`onSuspended`). */
    readonly suspended?: true;
    readonly lastHeartbeatAt: string | null;
    readonly lastError: string | null;
    readonly tokenExpiresAt: string | null;
    readonly configRevision: number | null;
  };
}

export interface HealthSource {
  health(): AgentHealth;
  metrics(): string;
}

/** Answers `GET /health` and `GET /metrics`; false, with nothing written, for everything else. */
export function answerHealth(source: HealthSource, request: IncomingMessage, response: ServerResponse): boolean {
  const path = request.url?.split('?')[0];
  if (request.method !== 'GET' || (path !== '/health' && path !== '/metrics')) return false;
  if (path === '/metrics') {
    response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(source.metrics());
    return true;
  }
  const health = source.health();
  response.writeHead(health.aiwm.mode === 'stopped' ? 503 : 200, { 'Content-Type': 'application/json' }).end(JSON.stringify(health));
  return true;
}

/** Listens for health checks; its server must not keep the process alive. */
export function startHealthServer(source: HealthSource, port: number, host: string): Promise<Server> {
  const server = createServer((request, response) => {
    if (!answerHealth(source, request, response)) response.writeHead(404).end();
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.unref();
      resolve(server);
    });
  });
}

export function closeHealthServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
