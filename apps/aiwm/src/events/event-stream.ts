import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AiwmEventData, AiwmEventType, AiwmHealthSource, AiwmStreamEndReason } from '@agentfleet/contracts';
import { hasAnyScope, type Caller } from '@agentfleet/platform';

const MAX_UNSENT_BYTES = 1_048_576;
/** Revocation that no notice told of is seen then. */
const RECHECK_EVERY_MS = 30_000;
/** A slow reader has this long to read why it is sent away. */
const LAST_READ_MS = 10_000;
const MAX_TIMER_MS = 2_147_483_647;

interface StreamOptions {
  readonly caller: Caller;
  readonly types: ReadonlySet<AiwmEventType>;
  /** Milliseconds since 1970; undefined for keys. */
  readonly expiresAtMs: number | undefined;
  /** Asks again whether the credentials are good; undefined when they are, or when that cannot be told now. */
  readonly check: () => Promise<AiwmStreamEndReason | undefined>;
}

/** One `text/event-stream` answer. */
export class EventStream {
  readonly orgId: string;
  readonly callerId: string;
  private readonly timers: NodeJS.Timeout[] = [];
  private isOpen = true;
  private closed: () => void = () => undefined;

  constructor(
    private readonly response: ServerResponse,
    private readonly options: StreamOptions,
  ) {
    this.orgId = options.caller.orgId;
    this.callerId = options.caller.id;
    this.timers.push(setInterval(() => this.recheck(), RECHECK_EVERY_MS).unref());
    if (options.expiresAtMs !== undefined) {
      const leftMs = Math.min(MAX_TIMER_MS, Math.max(0, options.expiresAtMs - Date.now()));
      this.timers.push(setTimeout(() => this.end('token_expired'), leftMs).unref());
    }
    this.response.once('close', () => this.close());
  }

  /** Once no more is sent, whoever ended it; a slow reader may still be reading. */
  onClose(listener: () => void): void {
    this.closed = listener;
  }

  /** Whether this caller asked for and may see it. */
  wants(type: AiwmEventType, orgId: string, source: AiwmHealthSource | undefined): boolean {
    const { caller, types } = this.options;
    if (!types.has(type) || (!caller.allOrganizations && caller.orgId !== orgId)) return false;
    if (type === 'audit') return hasAnyScope(caller, ['audit:read']);
    if (type === 'health') return hasAnyScope(caller, [source?.startsWith('vps.') ? 'vps:read' : 'clusters:read']);
    return true;
  }

  send(event: keyof AiwmEventData, data: object): void {
    const id = event === 'ready' || event === 'degraded' || event === 'end' ? '' : `id: ${randomBytes(12).toString('hex')}\n`;
    this.write(`${id}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  comment(): void {
    this.write(':\n\n');
  }

  recheck(): void {
    this.options.check().then(
      (reason) => reason !== undefined && this.end(reason),
      () => undefined, // cannot be told now; asked again
    );
  }

  end(reason: AiwmStreamEndReason): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const data: AiwmEventData['end'] = { reason };
    this.response.end(`event: end\ndata: ${JSON.stringify(data)}\n\n`);
    // a reader that does not read would keep the socket for ever
    if (reason === 'slow_consumer') setTimeout(() => this.response.destroy(), LAST_READ_MS).unref();
    this.close();
  }

  private write(text: string): void {
    if (!this.isOpen) return;
    this.response.write(text);
    if (this.response.writableLength > MAX_UNSENT_BYTES) this.end('slow_consumer');
  }

  private close(): void {
    this.isOpen = false;
    for (const timer of this.timers) clearTimeout(timer);
    this.closed();
  }
}
