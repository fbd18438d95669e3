import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '@agentfleet/errors';
import type { INestApplication, Type } from '@nestjs/common';
import { AbstractWsAdapter } from '@nestjs/websockets';
import { WebSocketServer, type RawData, type Server as SocketServer, type WebSocket } from 'ws';
import type { ErrorRenderer, HttpRules } from '../app-definition';
import { pathOf, renderFailure } from '../http/error-filter';
import { isProtectedPath } from '../http/protected-paths';
import type { LocalCallers } from '../http/local-callers';
import type { SourceAddress } from '../http/source-address';
import type { Identity } from '../identity/identity';
import type { Lifecycle } from '../lifecycle';
import type { Log } from '../observe/log';
import { contextFromHeaders, runInContext, type RequestContext } from '../observe/request-context';
import { FrameDispatch } from './frame-dispatch';
import { FrameLanes } from './frame-lanes';
import { bytesOf } from './frames';
import { HeartbeatRing } from './heartbeat-ring';
import { framesOf } from './on-frame';
import { FleetSocket, type SocketPolicy, type SocketPorts, type SocketRoute, type UpgradeRequest } from './socket-types';
import { handshakeFault, PathPattern, refuseUpgrade, requestWithoutUpgrade } from './upgrade';

export interface SocketDeps {
  readonly identity: Identity;
  readonly lifecycle: Lifecycle;
  readonly log: Log;
  readonly renderError: ErrorRenderer;
  readonly sourceAddress: SourceAddress;
  readonly localCallers: LocalCallers;
  readonly rules: HttpRules<never>;
}

interface Route {
  readonly pattern: PathPattern;
  readonly dispatch: FrameDispatch;
  readonly policy: SocketPolicy<unknown>;
  readonly server: SocketServer<typeof FleetSocket>;
  readonly sockets: Set<FleetSocket>;
  readonly ring: HeartbeatRing;
}

const CLOSE_WAIT_MS = 2000;

/**
 * Serves gateway classes on `ws`: matches path patterns, authorises before the upgrade, dispatches on the contract's own
 * field, answers every bad frame, keeps the order of frames within their lane, watches liveness, limits buffers, drains.
 */
export class SocketAdapter extends AbstractWsAdapter {
  private readonly routes: Route[] = [];
  private readonly guarded = new WeakSet<Duplex>();

  constructor(
    private readonly app: INestApplication,
    private readonly deps: SocketDeps,
  ) {
    super(app);
    const server: Server = app.getHttpServer();
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // a peer that goes while we authorise; one that offers an upgrade again and again comes here as often
      if (!this.guarded.has(socket)) socket.on('error', () => socket.destroy());
      this.guarded.add(socket);
      void this.upgrade(request, socket, head);
    });
  }

  override create(_port: number, options?: SocketRoute & { readonly gateway: Type<object> }): SocketServer<typeof FleetSocket> {
    if (!options) throw new Error('A gateway needs @SocketGateway({ path, discriminator, policy })');
    const policy: SocketPolicy<unknown> = this.app.get(options.policy, { strict: false });
    const limits = policy.limits();
    const server = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: limits.maxPayloadBytes,
      WebSocket: FleetSocket,
      // a client may offer its token as a subprotocol; the one that is chosen would be sent back
      handleProtocols: () => false,
    });
    // without a listener `ws` would answer in HTML; `openSocket` answers instead
    server.on('wsClientError', () => undefined);
    const { path, discriminator } = options;
    const frames = framesOf(this.app.get(options.gateway, { strict: false }));
    const dispatch = new FrameDispatch(policy, frames, discriminator, this.deps.log);
    this.routes.push({ pattern: new PathPattern(path), dispatch, policy, server, sockets: new Set(), ring: new HeartbeatRing(limits) });
    return server;
  }

  override bindClientDisconnect(socket: FleetSocket, callback: () => void): void {
    socket.on('close', callback);
  }

  /** Frames are not Nest's business (`OnFrame`). */
  override bindMessageHandlers(): void {
    // nothing to bind
  }

  /** Closes all sockets of a path with 1012 after the frame under way; cut after 2 s. */
  override async close(server: SocketServer<typeof FleetSocket>): Promise<void> {
    const route = this.routes.find((candidate) => candidate.server === server);
    if (!route) return;
    const spreadMs = route.policy.limits().drainSpreadMs ?? 0;
    const sockets = [...route.sockets];
    const gone = sockets.map((socket, index) => this.closeForRestart(socket, (spreadMs * index) / Math.max(1, sockets.length)));
    await Promise.all(gone);
    route.ring.stop();
    server.close();
  }

  private closeForRestart(socket: FleetSocket, afterMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cut = setTimeout(() => socket.terminate(), afterMs + CLOSE_WAIT_MS);
      socket.once('close', () => {
        clearTimeout(cut);
        resolve();
      });
      setTimeout(() => void socket.answered().then(() => socket.close(1012, 'restart')), afterMs);
      if (socket.readyState === FleetSocket.CLOSED) resolve();
    });
  }

  private async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const context = contextFromHeaders(request.headers, this.deps.sourceAddress.of(request));
    if (request.headers.upgrade?.toLowerCase() !== 'websocket' || request.method !== 'GET' || request.httpVersion !== '1.1') {
      socket.unshift(requestWithoutUpgrade(request, head));
      this.httpServer.emit('connection', socket);
      return;
    }
    await runInContext(context, async () => {
      try {
        await this.accept(request, socket, head, context);
      } catch (error) {
        const place = { correlationId: context.correlationId, path: pathOf(request.url) };
        const rendered = renderFailure(error, place, this.deps.renderError, this.deps.log);
        const isUpgradeFault = error instanceof AppError && error.code === 'upgrade_required';
        const extra: Record<string, string> = isUpgradeFault ? { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' } : {};
        refuseUpgrade(socket, { ...rendered, headers: { 'X-Correlation-Id': context.correlationId, ...rendered.headers, ...extra } });
      }
    });
  }

  private async accept(request: IncomingMessage, socket: Duplex, head: Buffer, context: RequestContext): Promise<void> {
    this.deps.localCallers.check(request.headers);
    const found = await this.findOrAuthenticate(request, context);
    const fault = handshakeFault(request);
    if (fault === 'bad_version') throw new AppError('upgrade_required');
    if (fault !== undefined) throw new AppError('malformed_request', { message: 'Sec-WebSocket-Key must be 16 bytes in base64' });
    const { route, params } = found;
    const decision = await route.policy.authorise(this.upgradeRequest(request, params, context));
    if (decision.kind === 'refuse') {
      refuseUpgrade(socket, decision);
      return;
    }
    // what `authorise` took is given back however the upgrade ends
    let opened = false;
    try {
      opened = this.openSocket(route, request, socket, head, (client) => this.listen(client, socket, route, decision.context, context));
    } finally {
      if (!opened) route.policy.release?.(decision.context);
    }
    if (opened) return;
    if (socket.destroyed) return;
    throw this.deps.lifecycle.draining ? new AppError('draining') : new AppError('malformed_request', { message: 'The WebSocket handshake is not valid' });
  }

  /** Which paths exist below a protected prefix, or are well formed, is nobody's business who has no credentials, as with any other request. */
  private async findOrAuthenticate(request: IncomingMessage, context: RequestContext): Promise<{ route: Route; params: Record<string, string> }> {
    const { rules } = this.deps;
    const path = pathOf(request.url);
    const isHidden = rules.unknownSocketPath !== 'not_found' && isProtectedPath(path, rules);
    try {
      return this.find(path);
    } catch (error) {
      if (isHidden) await this.upgradeRequest(request, {}, context).authenticate();
      throw error;
    }
  }

  /** @returns false when `ws` refuses the handshake, the peer has gone, or this replica is shutting down */
  private openSocket(route: Route, request: IncomingMessage, socket: Duplex, head: Buffer, listen: (client: FleetSocket) => void): boolean {
    if (socket.destroyed || this.deps.lifecycle.draining) return false;
    let client: FleetSocket | undefined;
    route.server.handleUpgrade(request, socket, head, (made) => (client = made)); // calls back before it returns, or not at all
    if (client) listen(client);
    return client !== undefined;
  }

  /** @throws AppError `route_not_found`, `malformed_url` */
  private find(path: string): { route: Route; params: Record<string, string> } {
    for (const route of this.routes) {
      try {
        const params = route.pattern.match(path);
        if (params) return { route, params };
      } catch {
        throw new AppError('malformed_url');
      }
    }
    throw new AppError('route_not_found');
  }

  private upgradeRequest(request: IncomingMessage, params: Record<string, string>, context: RequestContext): UpgradeRequest {
    const { headers } = request;
    const rawQuery = request.url?.split('?').slice(1).join('?') ?? '';
    const apiKey = headers['x-api-key'];
    const organizationId = headers['x-organization-id'];
    const sourceAddress = context.sourceAddress ?? 'unknown';
    return {
      path: pathOf(request.url),
      params,
      query: new URLSearchParams(rawQuery),
      rawQuery,
      headers,
      remoteAddress: sourceAddress,
      correlationId: context.correlationId,
      authenticate: (options) =>
        this.deps.identity.authenticate({
          apiKey: Array.isArray(apiKey) ? apiKey[0] : apiKey,
          authorization: headers.authorization,
          organizationId: Array.isArray(organizationId) ? organizationId[0] : organizationId,
          queryToken: options?.queryToken,
          sourceAddress,
        }),
    };
  }

  private listen(socket: FleetSocket, connection: Duplex, route: Route, context: unknown, request: RequestContext): void {
    socket.id = randomUUID();
    socket.context = context;
    socket.correlationId = request.correlationId;
    socket.remoteAddress = request.sourceAddress ?? 'unknown';
    route.sockets.add(socket);
    route.ring.add(socket);
    const lanes = new FrameLanes(socket);
    socket.ports = new Ports(connection, lanes, route);
    socket.on('pong', seen);
    socket.on('ping', seen);
    socket.on('error', (error) => this.deps.log.debug({ err: error, socket: socket.id }, 'Socket error'));
    socket.on('close', () => {
      route.sockets.delete(socket);
      route.ring.remove(socket);
      route.policy.release?.(context);
    });
    socket.on('message', (data: RawData, isBinary: boolean) => {
      socket.lastSeenAt = performance.now();
      route.dispatch.receive(socket, lanes, bytesOf(data), isBinary);
    });
    route.server.emit('connection', socket, context);
  }
}

/** One function for all sockets. */
function seen(this: WebSocket): void {
  if (this instanceof FleetSocket) this.lastSeenAt = performance.now();
}

class Ports implements SocketPorts {
  constructor(
    readonly connection: Duplex,
    private readonly lanes: FrameLanes,
    private readonly route: Route,
  ) {}

  answered(): Promise<void> {
    return this.lanes.answered();
  }

  sent(socket: FleetSocket): void {
    this.route.ring.watchBuffer(socket);
  }
}
