import type { ClusterDeletedNotice, ClusterSupersededNotice } from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { Bindings } from '../bindings/bindings';
import { Liveness } from '../presence/liveness';

/**
 * What other replicas did to clusters whose sockets are open here. The record decides: by a notice alone nobody is closed, since
 * nothing would say afterwards that his cluster is not here any more.
 */
@Controller()
export class SocketNoticesController {
  constructor(
    private readonly bindings: Bindings,
    private readonly liveness: Liveness,
  ) {}

  @OnNotice('cluster.superseded')
  async superseded({ orgId, clusterId, epoch }: ClusterSupersededNotice): Promise<void> {
    const binding = this.bindings.get(clusterId);
    // the newer socket itself hears it, too: when a whole fleet comes back that would be a question for each
    if (binding?.orgId === orgId && binding.epoch < epoch) await this.liveness.closeReplaced([clusterId]);
  }

  @OnNotice('cluster.deleted')
  async deleted({ orgId, clusterId }: ClusterDeletedNotice): Promise<void> {
    if (this.bindings.get(clusterId)?.orgId === orgId) await this.liveness.closeReplaced([clusterId]);
  }
}
