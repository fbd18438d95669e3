import { CurrentCaller, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Controller, Delete, Inject, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { DeleteSession } from './delete-session';

/** The two dialects answer a deletion differently. */
@ApiTags('sessions')
@Controller()
export class RemovalController {
  constructor(@Inject(DeleteSession) private readonly deleteSession: DeleteSession) {}

  @Delete('sessions/:id')
  @NoBody()
  @Needs('sessions:execute')
  async remove(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<{ deleted: true }> {
    await this.deleteSession.run(caller, id);
    return { deleted: true };
  }

  @Delete('api/v1/sessions/:id')
  @NoBody()
  @Needs('sessions:execute')
  async removeV1(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<{ status: 'deleted'; session_id: string; deleted: true }> {
    await this.deleteSession.run(caller, id);
    return { status: 'deleted', session_id: id, deleted: true };
  }
}
