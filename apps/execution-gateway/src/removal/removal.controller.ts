import { CurrentCaller, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Controller, Delete, Param } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { ApiErrors } from '../api-docs/api-errors';
import { ApiSessionId } from '../api-docs/parameters';
import { DeletedDto } from '../sessions/session.dto';
import { DeleteSession } from './delete-session';

/** The two dialects answer a deletion differently. */
@ApiTags('sessions')
@Controller()
export class RemovalController {
  constructor(private readonly deleteSession: DeleteSession) {}

  /** Deletes a session with all that belongs to it; its run is cancelled. */
  @Delete('sessions/:id')
  @NoBody()
  @Needs('sessions:execute')
  @ApiSessionId()
  @ApiOkResponse({ type: DeletedDto, example: { deleted: true } })
  @ApiErrors('session_not_found')
  async remove(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    await this.deleteSession.run(caller, id);
    return { deleted: true };
  }

  @Delete('api/v1/sessions/:id')
  @ApiExcludeEndpoint()
  @NoBody()
  @Needs('sessions:execute')
  async removeV1(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<{ status: 'deleted'; session_id: string; deleted: true }> {
    await this.deleteSession.run(caller, id);
    return { status: 'deleted', session_id: id, deleted: true };
  }
}
