import { CLUSTER_NOTICES, PLATFORM_NOTICES } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { Bindings } from '../bindings/bindings';
import { KeyWatch } from './key-watch';

function field(payload: unknown, name: string): unknown {
  return typeof payload === 'object' && payload !== null ? Object.entries(payload).find(([key]) => key === name)?.[1] : undefined;
}

/** Notices of other replicas and of AIWM that concern open sockets. They come from outside the process: read with care. */
@Controller()
export class SocketNoticesController {
  constructor(
    private readonly bindings: Bindings,
    private readonly keys: KeyWatch,
  ) {}

  @EventPattern(CLUSTER_NOTICES.superseded)
  superseded(@Payload() notice: unknown): void {
    const [orgId, clusterId, epoch] = [field(notice, 'orgId'), field(notice, 'clusterId'), field(notice, 'epoch')];
    if (typeof orgId === 'string' && typeof clusterId === 'string' && typeof epoch === 'number') this.bindings.supersede(clusterId, epoch);
  }

  @EventPattern(CLUSTER_NOTICES.deleted)
  deleted(@Payload() notice: unknown): void {
    const [orgId, clusterId] = [field(notice, 'orgId'), field(notice, 'clusterId')];
    if (typeof orgId === 'string' && typeof clusterId === 'string') this.bindings.deleted(clusterId);
  }

  @EventPattern(PLATFORM_NOTICES.keyRevoked)
  keyRevoked(@Payload() notice: unknown): void {
    this.keyChanged(notice);
  }

  @EventPattern(PLATFORM_NOTICES.keyRotated)
  keyRotated(@Payload() notice: unknown): void {
    this.keyChanged(notice);
  }

  @EventPattern(PLATFORM_NOTICES.keyChanged)
  keyChanged(@Payload() notice: unknown): void {
    const keyId = field(notice, 'keyId');
    if (typeof keyId === 'string') void this.keys.check(keyId);
  }
}
