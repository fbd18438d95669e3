import type { GatewayModelView } from '@agentfleet/contracts';
import { Needs } from '@agentfleet/platform';
import { Controller, Get } from '@nestjs/common';
import { ApiExcludeController, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ApiErrors } from '../api-docs/api-errors';
import { MODEL_LIST } from '../api-docs/examples';
import { ModelCatalog } from './model-catalog';
import { ModelListDto } from './model.dto';

@ApiTags('models')
@Controller('models')
export class ModelsController {
  constructor(private readonly catalog: ModelCatalog) {}

  /** The models that sessions may ask for; without addresses and keys. */
  @Get()
  @Needs('sessions:read')
  @ApiOkResponse({ type: ModelListDto, example: MODEL_LIST })
  @ApiErrors()
  models(): { models: readonly GatewayModelView[] } {
    return { models: this.catalog.views() };
  }
}

/** The same route for the clients of the v1 dialect; described once, above. */
@ApiExcludeController()
@Controller('api/v1/models')
export class ModelsV1Controller extends ModelsController {}
