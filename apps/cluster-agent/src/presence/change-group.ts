import type { ClusterEventRecord, ClusterRecord, ClusterState } from '../records/cluster.schema';
import { newRecord, type StoredRegistration } from '../records/stored-registration';
import { changeCluster, type BindingChange, type ClusterChange, type EventDraft } from './change';

/** A cluster's state with what notices and answers say of it. */
export type OwnedCluster = ClusterState & Pick<ClusterRecord, '_id' | 'org_id' | 'agent_id' | 'name' | 'features' | 'registered_at'>;

/** A change of a cluster that is known by its id. */
export interface ChangeById {
  readonly clusterId: string;
  readonly change: ClusterChange;
  /** When it is not an agent of this organization, or another one than is named, nothing changes. */
  readonly of?: { readonly orgId: string; readonly agentId: string | undefined };
}

/** An agent says what it is; its record is made or updated, and the change that follows from it is made with it. */
export interface ChangeByRegistration {
  readonly registration: StoredRegistration;
  readonly change: BindingChange;
}

export type WantedChange = ChangeById | ChangeByRegistration;

/** What became of a change. `unchanged`: it came too late, or things were so already. */
export type ChangeOutcome =
  | { readonly kind: 'missing' | 'other_agent' | 'name_taken' }
  | { readonly kind: 'unchanged' | 'changed'; readonly cluster: OwnedCluster };

export interface Happened {
  readonly cluster: OwnedCluster;
  readonly event: ClusterEventRecord;
}

export interface Registered {
  readonly cluster: OwnedCluster;
  readonly registration: StoredRegistration;
  readonly created: boolean;
}

/** Unique, as the indexes of the collection are. */
const keyOf = (orgId: string, text: string) => `${orgId}\0${text}`;

/**
 * Changes that are written together: each sees what those before it did. Pure; what is to be written, and told, is collected.
 * A cluster that changes several times is written once, as it is in the end.
 */
export class ChangeGroup {
  readonly inserts = new Map<string, ClusterRecord>();
  readonly updates = new Map<string, Partial<ClusterRecord>>();
  readonly happened: Happened[] = [];
  readonly registered: Registered[] = [];
  private readonly byId = new Map<string, OwnedCluster>();
  private readonly byAgent = new Map<string, string>();
  private readonly byName = new Map<string, string>();
  private readonly freedNames = new Set<string>();

  /**
   * @param stored every cluster that the changes name: by its id, or by the agent or name of a registration
   * @param newId makes the id of a new cluster
   */
  constructor(
    stored: readonly OwnedCluster[],
    readonly now: Date,
    private readonly newId: () => string,
  ) {
    for (const cluster of stored) this.put(cluster);
  }

  /**
   * @returns undefined when it cannot be written together with those before it: it takes a name that one of them gave up, and the
   * writes of a group have no order
   */
  apply(wanted: WantedChange): ChangeOutcome | undefined {
    return 'registration' in wanted ? this.register(wanted) : this.changeById(wanted);
  }

  private put(cluster: OwnedCluster): void {
    this.byId.set(cluster._id, cluster);
    this.byAgent.set(keyOf(cluster.org_id, cluster.agent_id), cluster._id);
    this.byName.set(keyOf(cluster.org_id, cluster.name), cluster._id);
  }

  private changeById({ clusterId, change, of }: ChangeById): ChangeOutcome {
    const cluster = this.byId.get(clusterId);
    if (!cluster || (of && of.orgId !== cluster.org_id)) return { kind: 'missing' };
    if (of?.agentId !== undefined && of.agentId !== cluster.agent_id) return { kind: 'other_agent' };
    return this.change(cluster, change);
  }

  private register({ registration, change }: ChangeByRegistration): ChangeOutcome | undefined {
    const { orgId, said, fields } = registration;
    const nameKey = keyOf(orgId, said.name);
    const knownId = this.byAgent.get(keyOf(orgId, said.agentId));
    const holderId = this.byName.get(nameKey);
    if (holderId !== undefined && holderId !== knownId) return { kind: 'name_taken' };
    if (holderId === undefined && this.freedNames.has(nameKey)) return undefined;
    const known = knownId === undefined ? undefined : this.byId.get(knownId);
    const renamedFrom = known && known.name !== said.name ? known.name : null;
    if (renamedFrom !== null) {
      this.byName.delete(keyOf(orgId, renamedFrom));
      this.freedNames.add(keyOf(orgId, renamedFrom));
    }
    const cluster = known ? this.describe(known, fields) : this.insert(registration);
    const outcome = this.change(cluster, { ...change, registration: { created: !known, renamedFrom } });
    this.registered.push({ cluster: this.byId.get(cluster._id) ?? cluster, registration, created: !known });
    return outcome;
  }

  private describe(known: OwnedCluster, fields: Partial<ClusterRecord>): OwnedCluster {
    const cluster = { ...known, name: fields.name ?? known.name, features: fields.features === undefined ? known.features : fields.features };
    this.put(cluster);
    this.write(cluster._id, fields);
    return cluster;
  }

  private insert(registration: StoredRegistration): OwnedCluster {
    const record = newRecord(this.newId(), registration, this.now);
    this.inserts.set(record._id, record);
    this.put(record);
    return record;
  }

  private change(cluster: OwnedCluster, change: ClusterChange): ChangeOutcome {
    const result = changeCluster(cluster, change, this.now);
    if (!result) return { kind: 'unchanged', cluster };
    const after = { ...cluster, ...result.state };
    this.byId.set(cluster._id, after);
    this.write(cluster._id, ownFields(result.state));
    for (const [index, draft] of result.events.entries()) this.happened.push({ cluster: after, event: eventOf(cluster, draft, index, this.now) });
    return { kind: 'changed', cluster: after };
  }

  private write(id: string, fields: Partial<ClusterRecord>): void {
    const inserted = this.inserts.get(id);
    if (inserted) this.inserts.set(id, { ...inserted, ...fields });
    else this.updates.set(id, { ...this.updates.get(id), ...fields });
  }
}

/** The state's own fields, whatever else the object carries. */
function ownFields(state: ClusterState): ClusterState {
  const { epoch, event_seq, owner_replica, owner_socket, transport, connection, presence, lost_at, replaced_at, duplicate_until } = state;
  return { epoch, event_seq, owner_replica, owner_socket, transport, connection, presence, lost_at, replaced_at, duplicate_until };
}

function eventOf(cluster: OwnedCluster, draft: EventDraft, index: number, at: Date): ClusterEventRecord {
  return { cluster_id: cluster._id, org_id: cluster.org_id, seq: cluster.event_seq + 1 + index, at, ...draft };
}
