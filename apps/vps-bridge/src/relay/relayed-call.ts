import { randomUUID } from 'node:crypto';
import { parseVpsBusCall, type VpsBusAnswer, type VpsBusRequest } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { LOG, Lifecycle, asAppError, runInContext, validationFailed, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { CallAgent } from '../calls/call-agent';
import { readIdempotencyKey } from '../calls/records/idempotency-key';
import { renderError } from '../error-dialect';

/** Owner of sessions that a relayed call makes without naming a user. */
const RELAY_CALLER = 'agentfleet';

/** A call that another app asks for, over the bus or over HTTP: the same rules as `POST /api/vps/call`. */
@Injectable()
export class RelayedCall {
  constructor(
    private readonly callAgent: CallAgent,
    private readonly lifecycle: Lifecycle,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** Never throws: a refusal is an answer too. @param orgId when given, the only organization that the payload may name. */
  async answer(payload: unknown, orgId?: string): Promise<VpsBusAnswer> {
    const parsed = parseVpsBusCall(payload);
    const correlationId = (parsed.ok ? parsed.value.correlationId : undefined) ?? randomUUID();
    try {
      if (!parsed.ok) throw validationFailed(parsed.problems);
      if (orgId !== undefined && parsed.value.orgId !== orgId) throw validationFailed([{ field: 'orgId', message: 'must be the one that the request is signed for' }]);
      if (this.lifecycle.draining) throw new AppError('draining');
      const context = { correlationId, traceparent: parsed.value.traceparent, sourceAddress: undefined };
      return await runInContext(context, () => this.call(parsed.value));
    } catch (error) {
      return this.refusal(error, correlationId);
    }
  }

  private async call({ orgId, idempotencyKey, call, body }: VpsBusRequest): Promise<VpsBusAnswer> {
    const key = readIdempotencyKey(idempotencyKey, 'call', body);
    const { result } = await this.callAgent.call({ orgId, id: RELAY_CALLER }, call, key);
    return { ok: true, result };
  }

  private refusal(error: unknown, correlationId: string): VpsBusAnswer {
    const known = asAppError(error);
    const failure = known ?? new AppError('internal');
    if (known === undefined) this.log.error({ err: error }, 'A relayed call failed');
    const { code, status, message, problems, extra, retryAfterSeconds } = failure;
    const rendered = renderError({ code, status, message, problems, extra, retryAfterSeconds, correlationId, errorId: undefined, path: '' });
    return { ok: false, status: rendered.status, body: { detail: message, code, ...rendered.body } };
  }
}
