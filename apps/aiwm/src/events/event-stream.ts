import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AiwmEventData, AiwmEventType, AiwmStreamEndReason } from '@agentfleet/contracts';
import type { LiveCaller } from '@agentfleet/platform';

const MAX_UNSENT_BYTES = 1_048_576;
/** A slow reader has this long to read why it is sent away. */
const LAST_READ_MS = 10_000;

/** One `text/event-stream` answer. */
export class EventStream {
  private isOpen = true;

  /** @param closed once no more is sent, whoever ended it; a slow reader may still be reading */
  constructor(
    private readonly response: ServerResponse,
    private readonly types: ReadonlySet<AiwmEventType>,
    private readonly closed: (stream: EventStream) => void,
  ) {
    this.response.once('close', () => this.close());
  }

  /** Whether the caller asked for it and may see it now. */
  wants<Type extends AiwmEventType>(type: Type, data: AiwmEventData[Type], live: LiveCaller): boolean {
    const { caller } = live;
    if (!this.types.has(type) || (!caller.allOrganizations && caller.orgId !== data.orgId)) return false;
    if (type === 'audit') return live.has('audit:read');
    if ('source' in data) return live.has(data.source === 'vps.health.changed' ? 'vps:read' : 'clusters:read');
    return true;
  }

  send(event: keyof AiwmEventData, data: object): void {
    const id = event === 'ready' || event === 'degraded' || event === 'end' ? '' : `id: ${randomBytes(12).toString('hex')}\n`;
    this.write(`${id}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  comment(): void {
    this.write(':\n\n');
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
    this.closed(this);
  }
}
