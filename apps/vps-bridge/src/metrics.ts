import type { VpsCallKind, VpsCallResult } from '@agentfleet/contracts';
import type { Failure } from '@agentfleet/errors';
import { Metrics } from '@agentfleet/platform';
import { Injectable, Module } from '@nestjs/common';

const CALL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const OVERHEAD_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1];

/** What is counted of calls. No agent, organization, user or session is a label; per agent there is its health. */
@Injectable()
export class CallMetrics {
  readonly calls;
  readonly duration;
  readonly overhead;
  readonly attempts;
  readonly retries;
  readonly failovers;
  readonly skipped;
  readonly messages;
  readonly addressDenied;
  readonly asyncQueued;
  readonly midstreamFailures;
  readonly replays;
  readonly outcomeUnknown;

  constructor(metrics: Metrics) {
    this.calls = metrics.counter({ name: 'vps_calls_total', help: 'Calls', labelNames: ['kind', 'outcome'] });
    this.duration = metrics.histogram({ name: 'vps_call_duration_seconds', help: 'Whole calls', labelNames: ['kind', 'outcome'], buckets: CALL_BUCKETS });
    this.overhead = metrics.histogram({ name: 'vps_call_overhead_seconds', help: 'Calls without agents and pauses', buckets: OVERHEAD_BUCKETS });
    this.attempts = metrics.counter({ name: 'vps_attempts_total', help: 'HTTP requests to agents', labelNames: ['result'] });
    this.retries = metrics.counter({ name: 'vps_retries_total', help: 'Repeated attempts', labelNames: ['error_type'] });
    this.failovers = metrics.counter({ name: 'vps_failovers_total', help: 'Steps to the next agent', labelNames: ['reason'] });
    this.skipped = metrics.counter({ name: 'vps_skipped_total', help: 'Agents that were not tried', labelNames: ['reason'] });
    this.messages = metrics.counter({ name: 'vps_messages_total', help: 'Stored messages', labelNames: ['role'] });
    this.addressDenied = metrics.counter({ name: 'vps_address_denied_total', help: 'Attempts that the address policy refused' });
    this.asyncQueued = metrics.gauge({ name: 'vps_async_queued', help: 'Asynchronous calls that wait in this replica' });
    this.midstreamFailures = metrics.counter({ name: 'vps_stream_midstream_failures_total', help: 'Agents that broke off in mid-stream', labelNames: ['mode'] });
    this.replays = metrics.counter({ name: 'vps_idempotent_replays_total', help: 'Repeated requests that were answered from the record' });
    this.outcomeUnknown = metrics.counter({ name: 'vps_outcome_unknown_total', help: 'Calls whose outcome nobody knows' });
  }

  /** @param agentsMs spent with agents and in pauses. */
  ended(kind: VpsCallKind, { success, attempts }: VpsCallResult, durationMs: number, agentsMs: number): void {
    const labels = { kind, outcome: success ? 'success' : 'failure' };
    this.calls.inc(labels);
    this.duration.observe(labels, durationMs / 1000);
    this.overhead.observe(Math.max(0, durationMs - agentsMs) / 1000);
    for (const { skipped } of attempts) if (skipped !== null) this.skipped.inc({ reason: skipped });
    attempts.slice(0, -1).forEach(({ skipped, error_type }) => {
      if (skipped === 'circuit_open' || error_type !== null) this.failovers.inc({ reason: error_type ?? 'circuit_open' });
    });
  }

  attempted(failure: Failure | null): void {
    this.attempts.inc({ result: failure === null ? 'ok' : failure.errorType });
    if (failure?.errorCode === 'address_denied') this.addressDenied.inc();
  }
}

@Module({ providers: [CallMetrics], exports: [CallMetrics] })
export class MetricsModule {}
