import { Metrics } from '@agentfleet/platform';
import { Global, Injectable, Module } from '@nestjs/common';

/** Metrics of this app; no label comes from an agent's input. */
@Injectable()
export class ClusterMetrics {
  readonly upgrades;
  readonly messages;
  readonly ackSeconds;
  readonly registerSeconds;
  readonly presenceChanges;
  readonly replaced;
  readonly closes;
  readonly writeBatchSize;
  readonly unknownTypes;

  constructor(readonly metrics: Metrics) {
    const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 20];
    this.upgrades = metrics.counter({ name: 'cluster_upgrades_total', help: 'Upgrade requests of agents', labelNames: ['result'] });
    this.messages = metrics.counter({ name: 'cluster_messages_total', help: 'Messages of agents', labelNames: ['type', 'result'] });
    this.ackSeconds = metrics.histogram({ name: 'cluster_heartbeat_ack_seconds', help: 'Time until a heartbeat is acknowledged', buckets: seconds });
    this.registerSeconds = metrics.histogram({ name: 'cluster_register_seconds', help: 'Time until a registration is answered', buckets: seconds });
    this.presenceChanges = metrics.counter({ name: 'cluster_presence_changes_total', help: 'Changes of presence', labelNames: ['to', 'reason'] });
    this.replaced = metrics.counter({ name: 'cluster_replaced_total', help: 'Sockets replaced by a newer one of their cluster' });
    this.closes = metrics.counter({ name: 'cluster_closes_total', help: 'Sockets that ended', labelNames: ['code'] });
    this.unknownTypes = metrics.counter({ name: 'cluster_unknown_types_total', help: 'Sockets whose agent does not know a type of message of ours', labelNames: ['type'] });
    this.writeBatchSize = metrics.histogram({ name: 'cluster_write_batch_size', help: 'Clusters written at once', buckets: [1, 2, 5, 10, 25, 50, 100, 250, 1000] });
  }
}

@Global()
@Module({ providers: [ClusterMetrics], exports: [ClusterMetrics] })
export class MetricsModule {}
