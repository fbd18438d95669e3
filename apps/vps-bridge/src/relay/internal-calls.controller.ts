import { VPS_INTERNAL_CALL_PATH, type VpsBusAnswer } from '@agentfleet/contracts';
import { Public } from '@agentfleet/platform';
import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { InternalGuard } from '../internal/internal-guard';
import { RelayedCall } from './relayed-call';

/** Calls of other apps that are too large for the bus. Ordinary credentials mean nothing here: the request is signed. */
@ApiExcludeController()
@Controller()
export class InternalCallsController {
  constructor(
    private readonly relayed: RelayedCall,
    private readonly guard: InternalGuard,
  ) {}

  @Post(VPS_INTERNAL_CALL_PATH)
  @HttpCode(200)
  @Public()
  call(@Body() body: unknown, @Req() request: FastifyRequest): Promise<VpsBusAnswer> {
    const { orgId } = this.guard.claimsOf(request);
    return this.relayed.answer(body, orgId);
  }
}
