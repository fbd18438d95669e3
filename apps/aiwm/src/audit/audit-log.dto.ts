import type { AiwmAuditRecord, AuditActor, AuditTarget } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';

class AuditActorDto implements Documented<AuditActor> {
  @ApiProperty({ enum: ['user', 'key', 'agent', 'system'] })
  kind!: string;
  /** An id, or `static:bridge`, `static:gateway`. */
  id!: string;
  name!: string;
}
class AuditTargetDto implements AuditTarget {
  /** @example "agent" */
  type!: string;
  id!: string;
  name!: string;
}

/** Who changed what. Names of fields, never values. */
export class AuditRecordDto implements Documented<AiwmAuditRecord> {
  _id!: string;
  at!: string;
  actor!: AuditActorDto;
  orgId!: string;
  /** @example "agent.update" */
  action!: string;
  target!: AuditTargetDto;
  fields!: string[];
  @ApiProperty({ type: String, nullable: true })
  correlationId!: string | null;
  @ApiProperty({ type: String, nullable: true })
  sourceAddress!: string | null;
}

example(AuditRecordDto, {
  _id: '66b1f00dcafe4a7c9f1d3e48',
  at: EXAMPLE.NOW,
  actor: { kind: 'user', id: EXAMPLE.USER, name: 'admin@localhost' },
  orgId: EXAMPLE.ORG,
  action: 'agent.update',
  target: { type: 'agent', id: EXAMPLE.AGENT, name: 'My Agent' },
  fields: ['settings'],
  correlationId: 'b6f1c2d4',
  sourceAddress: '192.0.2.7',
});
