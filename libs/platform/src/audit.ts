import type { AuditActor, AuditTarget } from '@agentfleet/contracts';
import { Types, type Connection } from 'mongoose';
import type { Counter } from 'prom-client';
import { actorOf, type Caller } from './identity/caller';
import type { Metrics } from './observe/metrics';
import { collection } from './mongo/collection';
import type { Transaction } from './mongo/transactions';
import { currentContext } from './observe/request-context';

export interface AuditEntry {
  readonly caller: Caller | AuditActor;
  /** Organization that the target belongs to, where that is not the caller's. */
  readonly orgId: string;
  /** Such as `agent.update`. */
  readonly action: string;
  readonly target: AuditTarget;
  /** Names of the fields that changed, never values. */
  readonly fields?: readonly string[];
}

/** Who changed what: append-only, written in the transaction of the change, read by AIWM. */
export class Audit {
  private readonly records: Counter<'action'>;

  constructor(
    private readonly connection: Connection,
    private readonly app: string,
    metrics: Metrics,
  ) {
    this.records = metrics.counter({ name: `${app.replace(/-/g, '_')}_audit_records_total`, help: 'Audit records', labelNames: ['action'] });
  }

  async record(transaction: Transaction, entry: AuditEntry): Promise<void> {
    const context = currentContext();
    const actor: AuditActor = 'scopes' in entry.caller ? actorOf(entry.caller) : entry.caller;
    const id = new Types.ObjectId();
    const at = new Date();
    await collection<Record<string, unknown>>(this.connection, 'audit_log').insertOne(
      {
        _id: id,
        at,
        actor,
        orgId: entry.orgId,
        action: entry.action,
        target: entry.target,
        fields: entry.fields ?? [],
        correlationId: context?.correlationId ?? null,
        sourceAddress: context?.sourceAddress ?? null,
        app: this.app,
      },
      { session: transaction.session },
    );
    transaction.afterCommit(() => this.records.inc({ action: entry.action }));
    const { orgId, action, target } = entry;
    transaction.notify('audit.recorded', { orgId, auditId: id.toHexString(), action, target, actor, at: at.toISOString() });
  }
}
