import { GATEWAY_NOTICES, isJsonObject } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { SessionFeeds } from '../events/session-feeds';
import { SIGNAL_PATTERN } from './cancel-run';
import { RunExecutor } from './run-executor';
import { RunReader } from './run-reader.repository';

/** What other replicas say. All of it is in MongoDB already: a lost notice costs a poll interval. */
@Controller()
export class RunBusController {
  constructor(
    private readonly feeds: SessionFeeds,
    private readonly executor: RunExecutor,
    private readonly runs: RunReader,
  ) {}

  @EventPattern(GATEWAY_NOTICES.runEvent)
  runEvent(@Payload() notice: unknown): void {
    const [orgId, sessionId] = [textOf(notice, 'orgId'), textOf(notice, 'sessionId')];
    const lastSeq = isJsonObject(notice) ? notice['lastSeq'] : undefined;
    if (orgId !== undefined && sessionId !== undefined && typeof lastSeq === 'number') this.feeds.noticed(orgId, sessionId, lastSeq);
  }

  @EventPattern(GATEWAY_NOTICES.runState)
  async runState(@Payload() notice: unknown): Promise<void> {
    const runId = textOf(notice, 'runId');
    if (runId !== undefined && textOf(notice, 'state') === 'queued') await this.executor.tryStart(runId).catch(() => undefined); // the sweep finds it
  }

  @EventPattern(GATEWAY_NOTICES.sessionDeleted)
  async sessionDeleted(): Promise<void> {
    await this.feeds.poll();
  }

  @MessagePattern(`${SIGNAL_PATTERN}.{replica}`)
  async signal(@Payload() request: unknown): Promise<{ acted: boolean }> {
    const runId = textOf(request, 'runId');
    const run = runId === undefined ? null : await this.runs.find(runId);
    return { acted: run?.cancel ? await this.executor.cancel(run._id, run.cancel) : false };
  }
}

function textOf(payload: unknown, field: string): string | undefined {
  const value = isJsonObject(payload) ? payload[field] : undefined;
  return typeof value === 'string' ? value : undefined;
}
