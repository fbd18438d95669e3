import { collection } from '@agentfleet/platform';
import type { AuditActor, AuditTarget } from '@agentfleet/contracts';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Types, Connection } from 'mongoose';
import { AUDIT_LOG } from './audit-log.schema';

export interface AuditDocument {
  readonly _id: Types.ObjectId;
  readonly at: Date;
  readonly actor: AuditActor;
  readonly orgId: string;
  readonly action: string;
  readonly target: AuditTarget;
  readonly fields: readonly string[];
  readonly correlationId: string | null;
  readonly sourceAddress: string | null;
}

export interface AuditQuestion {
  /** Undefined: all organizations. */
  readonly orgId: string | undefined;
  readonly action?: string | undefined;
  readonly targetType?: string | undefined;
  readonly targetId?: string | undefined;
  readonly actorId?: string | undefined;
  /** Both ends included. */
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly newestFirst: boolean;
  readonly skip: number;
  readonly limit: number;
}

/** Reads the audit log; all apps write it, through the platform. */
@Injectable()
export class AuditLogRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  async page(question: AuditQuestion): Promise<{ items: readonly AuditDocument[]; total: number }> {
    const { orgId, action, targetType, targetId, actorId, from, to, newestFirst, skip, limit } = question;
    const wanted: readonly (readonly [string, unknown])[] = [
      ['orgId', orgId],
      ['action', action],
      ['target.type', targetType],
      ['target.id', targetId],
      ['actor.id', actorId],
      ['at', from || to ? { ...(from ? { $gte: from } : {}), ...(to ? { $lte: to } : {}) } : undefined],
    ];
    const match = Object.fromEntries(wanted.filter(([, value]) => value !== undefined));
    const direction = newestFirst ? -1 : 1;
    const [found, total] = await Promise.all([
      this.log.find(match).sort({ at: direction, _id: direction }).skip(skip).limit(limit).toArray(),
      this.log.countDocuments(match),
    ]);
    return { items: found, total };
  }

  /** Drops what is older; says how much. */
  async dropBefore(time: Date): Promise<number> {
    return (await this.log.deleteMany({ at: { $lt: time } })).deletedCount;
  }

  private get log() {
    return collection<AuditDocument>(this.connection, AUDIT_LOG);
  }
}
