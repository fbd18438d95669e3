import type { Readable } from 'node:stream';
import { Body, Controller, Get, Headers, HttpCode, Inject, Injectable, Module, Param, Post, Query } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import type { JsonObject, SessionDeletedNotice } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { ArrayMaxSize, IsArray, IsInt, IsString, Length, Max, Min } from 'class-validator';
import type { AppDefinition } from './app-definition';
import { Bus } from './bus/bus';
import { OnNotice } from './bus/on-notice';
import { defineEnv, integer, type EnvOf } from './env/define-env';
import { platformVariables } from './env/platform-variables';
import { Authenticated, BodyLimit, CurrentCaller, Needs, NoBody, Public, StreamedBodies } from './http/access';
import type { Caller } from './identity/caller';
import { INTERNAL_HEADER, type InternalClaims } from './internal/claims';
import { CurrentClaims, InternalRoute } from './internal/internal-routes';
import { REPLICA, type Replica } from './replica';
import { OnFrame } from './sockets/on-frame';
import { SocketGateway } from './sockets/socket-gateway';
import type { FleetSocket, FrameProblem, SocketPolicy, UpgradeDecision, UpgradeRequest } from './sockets/socket-types';

const probeEnv = defineEnv({ ...platformVariables, PROBE_PORT: integer({ default: 0, max: 65535, doc: 'Port.' }) });

class ThingDto {
  @IsString() @Length(1, 10) name!: string;
  @IsInt() @Min(1) @Max(9) size!: number;
  @IsArray() @ArrayMaxSize(2) @IsString({ each: true }) tags!: string[];
}

@Controller('p')
class ProbeController {
  readonly notices: unknown[] = [];

  constructor(
    private readonly bus: Bus,
    @Inject(REPLICA) private readonly replica: Replica,
  ) {}

  @Get('me')
  @Authenticated()
  me(@CurrentCaller() caller: Caller): object {
    return { ...caller, scopes: [...caller.scopes].sort() };
  }

  @Post('things')
  @HttpCode(200)
  @Needs('agents:write')
  create(@Body() body: ThingDto): ThingDto {
    return body;
  }

  @Post('small')
  @Needs('agents:write')
  @BodyLimit(10)
  small(@Body() body: object): object {
    return body;
  }

  @Post('nobody')
  @HttpCode(200)
  @NoBody()
  @Authenticated()
  nobody(@Body() body: unknown): object {
    return { body: body === undefined || (typeof body === 'object' && Object.keys(body ?? {}).length === 0) };
  }

  @Post('streamed')
  @HttpCode(200)
  @Authenticated()
  @StreamedBodies()
  async streamed(@Body() body: Readable | undefined, @Headers('content-type') type: string | undefined): Promise<object> {
    let bytes = 0;
    for await (const chunk of body ?? []) bytes += (chunk as Buffer).length; // a stream of bytes
    return { type, bytes, hasBody: body !== undefined };
  }

  @Get('query')
  @Public()
  query(@Query() query: object): object {
    return query;
  }

  @Get('items/:id')
  @Authenticated()
  item(@Param('id') id: string): object {
    return { id };
  }

  @Get('refused/:id')
  @Authenticated()
  refusedItem(): never {
    throw new AppError('busy');
  }

  @Get('bug')
  @Public()
  bug(): never {
    throw new Error('secret details');
  }

  @Get('ask/:replica')
  @Public()
  ask(@Param('replica') replica: string): Promise<object> {
    return this.bus.request('probe.echo', replica, { hello: 1 }, { timeoutMs: 500 });
  }

  @Get('notices')
  @Public()
  seen(): object {
    return { notices: this.notices };
  }

  @OnNotice('session.deleted')
  notice(notice: SessionDeletedNotice): void {
    this.notices.push(notice);
  }

  @MessagePattern('probe.echo.{replica}')
  echo(@Payload() payload: object): object {
    return { from: this.replica.id, payload };
  }
}

@Controller('internal/probe')
class ProbeInternalController {
  @Post()
  @HttpCode(200)
  @InternalRoute()
  echo(@Body() body: unknown, @CurrentClaims() claims: InternalClaims, @Headers() headers: Readonly<Record<string, string>>): object {
    return { claims, body, isHeaderGone: headers[INTERNAL_HEADER] === undefined };
  }

  @Post('hashed')
  @HttpCode(200)
  @InternalRoute({ bodyHash: true })
  hashed(@Body() body: unknown): object {
    return { body };
  }
}

@Injectable()
export class ProbePolicy implements SocketPolicy<{ id: string }> {
  readonly released: string[] = [];
  open = 0;

  limits() {
    return { maxPayloadBytes: 1000, pingIntervalMs: 100, staleAfterMs: 400, maxBufferedBytes: 1_000_000, badFramesPer10s: 12 };
  }

  async authorise(request: UpgradeRequest): Promise<UpgradeDecision<{ id: string }>> {
    await request.authenticate({ queryToken: request.query.get('token') ?? undefined });
    const id = request.params['id'] ?? '';
    if (id === 'full') return { kind: 'refuse', status: 429, headers: { 'Retry-After': '7' }, body: { full: true } };
    this.open++;
    return { kind: 'accept', context: { id } };
  }

  problemReply(problem: FrameProblem): object {
    return { error: problem.kind === 'malformed' ? problem.reason : problem.kind };
  }

  release(context: { id: string }): void {
    this.open--;
    this.released.push(context.id);
  }
}

@SocketGateway({ path: '/p/{id}/socket', discriminator: 'action', policy: ProbePolicy })
class ProbeGateway {
  @OnFrame('echo')
  echo(frame: JsonObject, socket: FleetSocket<{ id: string }>): object {
    return { id: socket.context.id, value: frame['value'] };
  }

  @OnFrame('slow')
  async slow(frame: JsonObject): Promise<object> {
    await new Promise((resolve) => setImmediate(resolve));
    return { value: frame['value'] };
  }

  @OnFrame('refused')
  refused(): never {
    throw new AppError('busy');
  }
}

@Module({ controllers: [ProbeController, ProbeInternalController], providers: [ProbePolicy, ProbeGateway] })
class ProbeModule {}

/** A small app for the platform's own specs. */
export const probeApp: AppDefinition<EnvOf<typeof probeEnv>> = {
  name: 'probe',
  title: 'Probe',
  description: 'For specs',
  module: ProbeModule,
  env: probeEnv,
  port: (env) => env.PROBE_PORT,
  renderError: ({ code, status, message, problems, errorId, correlationId }) => ({
    status,
    body: { code, message, problems, errorId, correlationId },
  }),
  http: {
    protectedPrefixes: ['/p'],
    bodyLimitBytes: () => 10_000,
    maxJsonDepth: 8,
    emptyJsonBody: 'object',
    nonObjectBody: 'malformed_json',
    deepJson: 'malformed_json',
    authFailuresPerMinute: 1000,
  },
  staticKeys: () => [{ id: 'static:probe', name: 'PROBE_KEY', secret: 'a-static-key-of-the-probe', scopes: ['agents:read'] }],
};
