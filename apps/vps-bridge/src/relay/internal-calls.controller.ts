import { VPS_INTERNAL_CALL_PATH, type VpsBusAnswer } from '@agentfleet/contracts';
import { CurrentClaims, InternalRoute, type InternalClaims } from '@agentfleet/platform';
import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { RelayedCall } from './relayed-call';

/** Calls of other apps that are too large for the bus. */
@Controller()
export class InternalCallsController {
  constructor(private readonly relayed: RelayedCall) {}

  @Post(VPS_INTERNAL_CALL_PATH)
  @HttpCode(200)
  @InternalRoute({ bodyHash: true })
  call(@Body() body: unknown, @CurrentClaims() { orgId }: InternalClaims): Promise<VpsBusAnswer> {
    return this.relayed.answer(body, orgId);
  }
}
