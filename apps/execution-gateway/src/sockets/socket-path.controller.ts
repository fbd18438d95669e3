import { AppError } from '@agentfleet/errors';
import { Needs } from '@agentfleet/platform';
import { Controller, Get } from '@nestjs/common';
import { ApiExcludeEndpoint } from '@nestjs/swagger';

/** A plain GET on a socket's path. */
@Controller()
export class SocketPathController {
  @Get('sessions/:id/execute')
  @Needs('sessions:read')
  @ApiExcludeEndpoint()
  upgradeRequired(): never {
    throw new AppError('upgrade_required');
  }
}
