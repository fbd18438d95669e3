import type { ClusterDeletedNotice, ClusterSupersededNotice } from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { Bindings } from '../bindings/bindings';

/** What other replicas did to clusters whose sockets are open here. */
@Controller()
export class SocketNoticesController {
  constructor(private readonly bindings: Bindings) {}

  @OnNotice('cluster.superseded')
  superseded({ clusterId, epoch }: ClusterSupersededNotice): void {
    this.bindings.supersede(clusterId, epoch);
  }

  @OnNotice('cluster.deleted')
  deleted({ clusterId }: ClusterDeletedNotice): void {
    this.bindings.deleted(clusterId);
  }
}
