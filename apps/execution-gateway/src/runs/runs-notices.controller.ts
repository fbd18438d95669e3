import { isJsonObject, type RunStateNotice } from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { SIGNAL_PATTERN } from './cancel-run';
import { RunExecutor } from './run-executor';
import { RunRepository } from './run.repository';

/** What other replicas say. All of it is in MongoDB already: a lost notice costs a poll interval. */
@Controller()
export class RunsNoticesController {
  constructor(
    private readonly executor: RunExecutor,
    private readonly runs: RunRepository,
  ) {}

  @OnNotice('run.state')
  async runState({ runId, state }: RunStateNotice): Promise<void> {
    if (state === 'queued') await this.executor.tryStart(runId).catch(() => undefined); // the sweep finds it
  }

  @MessagePattern(`${SIGNAL_PATTERN}.{replica}`)
  async signal(@Payload() request: unknown): Promise<{ acted: boolean }> {
    const runId = isJsonObject(request) ? request['runId'] : undefined;
    const run = typeof runId === 'string' ? await this.runs.find(runId) : undefined;
    const isAsked = run?.requests?.some(({ kind }) => kind === 'cancel') === true;
    return { acted: isAsked && (await this.executor.passOn(run._id, run.requests ?? [])) };
  }
}
