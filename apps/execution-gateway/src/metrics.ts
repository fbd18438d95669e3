import type { TokenUsage } from '@agentfleet/contracts';
import { Metrics } from '@agentfleet/platform';
import { Injectable, Module } from '@nestjs/common';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** What operators see of runs; no ids as labels. */
@Injectable()
export class GatewayMetrics {
  readonly runsTotal = this.metrics.counter({ name: 'gateway_runs_total', help: 'Runs that ended', labelNames: ['engine', 'reason'] });
  readonly runSeconds = this.metrics.histogram({ name: 'gateway_run_seconds', help: 'Time from admission to end', buckets: SECONDS });
  readonly firstEventSeconds = this.metrics.histogram({ name: 'gateway_first_event_seconds', help: 'Time from admission to the first event of the engine', buckets: SECONDS });
  readonly commitSeconds = this.metrics.histogram({ name: 'gateway_event_commit_seconds', help: 'Time of one commit of events', buckets: SECONDS });
  readonly eventsTotal = this.metrics.counter({ name: 'gateway_events_total', help: 'Committed events', labelNames: ['type'] });
  readonly watchers = this.metrics.gauge({ name: 'gateway_watchers', help: 'Connections that follow a session', labelNames: ['transport'] });
  readonly watcherCloses = this.metrics.counter({ name: 'gateway_watcher_closes_total', help: 'Watchers closed by us', labelNames: ['code'] });
  readonly busyRefusals = this.metrics.counter({ name: 'gateway_busy_refusals_total', help: 'Runs refused because one was in progress' });
  readonly framesRefused = this.metrics.counter({ name: 'gateway_frames_refused_total', help: 'Frames refused', labelNames: ['reason'] });
  readonly takeovers = this.metrics.counter({ name: 'gateway_takeovers_total', help: 'Runs taken over from a dead executor' });
  readonly fencedWrites = this.metrics.counter({ name: 'gateway_fenced_writes_total', help: 'Writes refused because the lease was lost' });
  readonly modelRequests = this.metrics.counter({ name: 'gateway_model_requests_total', help: 'Requests to models', labelNames: ['model', 'outcome'] });
  readonly modelTokens = this.metrics.counter({ name: 'gateway_model_tokens_total', help: 'Tokens of models', labelNames: ['model', 'direction'] });
  readonly toolCalls = this.metrics.counter({ name: 'gateway_tool_calls_total', help: 'Tool calls', labelNames: ['tool', 'outcome'] });

  constructor(readonly metrics: Metrics) {}
  /** One request to a model ended; its tokens, where it told them or they were estimated. */
  modelRequested(model: string, outcome: string, usage: TokenUsage | null): void {
    this.modelRequests.inc({ model, outcome });
    if (!usage) return;
    this.modelTokens.inc({ model, direction: 'input' }, usage.input_tokens);
    this.modelTokens.inc({ model, direction: 'output' }, usage.output_tokens);
  }
}

@Module({ providers: [GatewayMetrics], exports: [GatewayMetrics] })
export class MetricsModule {}
