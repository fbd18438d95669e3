import type { ClusterEventRecord, ClusterState, Connection } from '../records/cluster.schema';

/** What a registration made of the record. */
export interface RegistrationFacts {
  readonly created: boolean;
  readonly renamedFrom: string | null;
}

/** What an agent itself brings about; with `registration` when it said what it is. */
export type BindingChange =
  | {
      readonly kind: 'bind';
      readonly via: 'registered' | 'heartbeat';
      readonly replicaId: string;
      readonly socketId: string;
      readonly connection: Connection;
      readonly registration?: RegistrationFacts;
    }
  | { readonly kind: 'http_seen'; readonly reason: 'registered' | 'heartbeat' | 'poll'; readonly registration?: RegistrationFacts };

/** Everything that can happen to the ownership and presence of a cluster (contract section 5). */
export type ClusterChange =
  | BindingChange
  | { readonly kind: 'lost'; readonly epoch: number; readonly reason: string; readonly closeCode: number | null; readonly forGood: boolean }
  | { readonly kind: 'replica_lost'; readonly replicaId: string }
  | { readonly kind: 'silent'; readonly epoch: number }
  | { readonly kind: 'recovered'; readonly epoch: number; readonly replicaId: string; readonly socketId: string; readonly connection: Connection }
  | { readonly kind: 'http_silent'; readonly staleMs: number }
  | { readonly kind: 'grace_over'; readonly graceMs: number };

export type EventDraft = Omit<ClusterEventRecord, 'cluster_id' | 'org_id' | 'seq' | 'at'>;

export interface Changed {
  readonly state: ClusterState;
  readonly events: readonly EventDraft[];
}

const DUPLICATE_REPLACEMENTS = 5;
const DUPLICATE_WINDOW_MS = 60_000;
const DUPLICATE_SHOWN_MS = 600_000;

/** What a change makes of a cluster, or undefined when it changes nothing (late, or already so). Pure. */
export function changeCluster(state: ClusterState, change: ClusterChange, now: Date): Changed | undefined {
  const draft = new Draft(state, now);
  switch (change.kind) {
    case 'bind':
      bind(draft, change);
      break;
    case 'lost':
      if (state.owner_socket !== null && state.epoch === change.epoch) loseSocket(draft, change);
      break;
    case 'replica_lost':
      if (state.owner_replica === change.replicaId) loseSocket(draft, { reason: 'replica_lost', closeCode: null, forGood: false });
      break;
    case 'silent':
      if (state.owner_socket !== null && state.epoch === change.epoch && state.presence.state === 'online') draft.become('stale', 'pong_missed');
      break;
    case 'recovered':
      recover(draft, change);
      break;
    case 'http_seen':
      seenOverHttp(draft, change);
      break;
    case 'http_silent':
      silentOverHttp(draft, change.staleMs);
      break;
    case 'grace_over':
      if (state.presence.state === 'stale' && state.lost_at !== null && now.getTime() - state.lost_at.getTime() >= change.graceMs) {
        draft.become('offline', state.presence.reason ?? 'connection_lost');
      }
      break;
  }
  return draft.result();
}

/** A state under change, with the events that record it. */
class Draft {
  state: ClusterState;
  private readonly events: EventDraft[] = [];

  constructor(
    private readonly before: ClusterState,
    readonly now: Date,
  ) {
    this.state = before;
  }

  set(fields: Partial<ClusterState>): void {
    this.state = { ...this.state, ...fields };
  }

  record(kind: string, fields: Partial<EventDraft> = {}): void {
    const { epoch, owner_replica, connection } = this.state;
    const base = { from: null, to: null, reason: null, close_code: null, epoch };
    this.events.push({ kind, ...base, replica_id: owner_replica, remote_address: connection?.remote_address ?? null, ...fields });
  }

  /** Each change of presence, also of its reason while stale, is one event. */
  become(to: ClusterState['presence']['state'], reason: string): void {
    const { presence, event_seq } = this.state;
    if (presence.state === to && presence.reason === reason) return;
    // a record that was never seen has no state to come from
    const from = event_seq === 0 && presence.reason === null ? null : presence.state;
    const since = presence.state === to ? presence.since : this.now;
    this.set({ presence: { ...presence, state: to, reason, since } });
    if (to === 'online') this.set({ lost_at: null });
    if (to === 'offline') this.set({ lost_at: null, transport: null });
    this.record('presence', { from, to, reason });
  }

  seen(): void {
    this.set({ presence: { ...this.state.presence, last_seen_at: this.now } });
  }

  result(): Changed | undefined {
    if (this.state === this.before) return undefined;
    return { state: { ...this.state, event_seq: this.state.event_seq + this.events.length }, events: this.events };
  }
}

function recordRegistration(draft: Draft, facts: RegistrationFacts | undefined): void {
  if (facts?.created === true) draft.record('registered');
  if (facts && facts.renamedFrom !== null) draft.record('renamed', { from: facts.renamedFrom });
}

function bind(draft: Draft, change: Extract<ClusterChange, { kind: 'bind' }>): void {
  if (draft.state.owner_socket === change.socketId) return repeat(draft, change);
  const replaces = draft.state.owner_socket !== null;
  draft.set({
    epoch: draft.state.epoch + 1,
    owner_replica: change.replicaId,
    owner_socket: change.socketId,
    transport: 'websocket',
    connection: change.connection,
    lost_at: null,
  });
  draft.seen();
  recordRegistration(draft, change.registration);
  draft.record(replaces ? 'replaced' : 'connected');
  if (replaces) countReplacement(draft);
  if (draft.state.presence.state !== 'online') draft.become('online', change.via);
}

/** The socket that has the cluster says again what it is: no new binding. */
function repeat(draft: Draft, { registration }: Extract<ClusterChange, { kind: 'bind' }>): void {
  draft.seen();
  recordRegistration(draft, registration);
}

/** Two machines cloned with one `agent_id` replace each other again and again. */
function countReplacement(draft: Draft): void {
  const { now } = draft;
  const recent = [...draft.state.replaced_at, now].filter((at) => now.getTime() - at.getTime() < DUPLICATE_WINDOW_MS).slice(-DUPLICATE_REPLACEMENTS);
  draft.set({ replaced_at: recent });
  const isShown = draft.state.duplicate_until !== null && draft.state.duplicate_until > now;
  if (recent.length < DUPLICATE_REPLACEMENTS) return;
  draft.set({ duplicate_until: new Date(now.getTime() + DUPLICATE_SHOWN_MS) });
  if (!isShown) draft.record('duplicate_agent');
}

function loseSocket(draft: Draft, { reason, closeCode, forGood }: { reason: string; closeCode: number | null; forGood: boolean }): void {
  draft.record('disconnected', { reason, close_code: closeCode });
  draft.set({ owner_replica: null, owner_socket: null, connection: null, lost_at: draft.now });
  draft.become(forGood ? 'offline' : 'stale', reason);
}

/** The socket is alive after all: silence ended, or a paused replica that others took for dead works again. */
function recover(draft: Draft, change: Extract<ClusterChange, { kind: 'recovered' }>): void {
  const { epoch, owner_socket, presence } = draft.state;
  const isOwn = owner_socket === change.socketId || (owner_socket === null && presence.reason === 'replica_lost');
  if (epoch !== change.epoch || !isOwn || presence.state === 'online') return;
  draft.set({ owner_replica: change.replicaId, owner_socket: change.socketId, connection: change.connection, transport: 'websocket' });
  draft.seen();
  draft.become('online', 'recovered');
}

function seenOverHttp(draft: Draft, change: Extract<ClusterChange, { kind: 'http_seen' }>): void {
  draft.seen();
  recordRegistration(draft, change.registration);
  if (draft.state.owner_socket !== null) return; // its socket speaks for it
  if (draft.state.presence.state === 'online') return;
  draft.set({ transport: 'http' });
  draft.become('online', change.reason);
}

function silentOverHttp(draft: Draft, staleMs: number): void {
  const { owner_socket, transport, presence } = draft.state;
  if (owner_socket !== null || transport !== 'http' || presence.state === 'offline') return;
  const silentMs = draft.now.getTime() - (presence.last_seen_at ?? presence.since).getTime();
  if (silentMs >= 3 * staleMs) draft.become('offline', 'heartbeat_missed');
  else if (silentMs >= staleMs && presence.state === 'online') draft.become('stale', 'heartbeat_missed');
}
