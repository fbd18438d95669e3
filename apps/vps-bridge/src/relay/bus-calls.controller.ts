import { MAX_BUS_BYTES, VPS_CALL_PATTERN, type VpsBusAnswer } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { RelayedCall } from './relayed-call';

/** Calls that other apps ask this replica for. */
@Controller()
export class BusCallsController {
  constructor(private readonly relayed: RelayedCall) {}

  @MessagePattern(`${VPS_CALL_PATTERN}.{replica}`)
  async call(@Payload() payload: unknown): Promise<VpsBusAnswer> {
    const answer = await this.relayed.answer(payload);
    const fits = Buffer.byteLength(JSON.stringify(answer)) <= MAX_BUS_BYTES;
    return fits ? answer : { ok: true, result: null, via: 'http' };
  }
}
