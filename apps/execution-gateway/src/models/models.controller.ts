import type { GatewayModelView } from '@agentfleet/contracts';
import { Needs } from '@agentfleet/platform';
import { Controller, Get, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { ModelCatalog } from './model-catalog';

@ApiTags('models')
@Controller()
export class ModelsController {
  constructor(@Inject(ModelCatalog) private readonly catalog: ModelCatalog) {}

  /** The models that sessions may ask for; without addresses and keys. */
  @Get(['models', 'api/v1/models'])
  @Needs('sessions:read')
  models(): { models: readonly GatewayModelView[] } {
    return { models: this.catalog.views() };
  }
}
