import type { ClusterReplyType } from '@agentfleet/contracts';
import type { Caller, FleetSocket, LiveCaller } from '@agentfleet/platform';
import type { Connection } from '../records/cluster.schema';

/** What a socket speaks for. */
export interface Binding {
  readonly clusterId: string;
  readonly orgId: string;
  readonly agentId: string;
  readonly epoch: number;
  readonly socket: AgentSocket;
  readonly connection: Connection;
  /** As this replica last wrote it, for sockets that go silent. */
  presence: 'online' | 'stale';
  /** A newer socket has the cluster, the cluster is deleted, or its loss is already written. */
  ended: boolean;
}

/** What we know of one agent's socket beside the socket itself. */
export interface AgentSocketContext {
  readonly caller: Caller;
  /** Closes the socket when its key loses its rights; there from the upgrade on. */
  live: LiveCaller | undefined;
  readonly remoteAddress: string;
  readonly hint: { readonly clusterId: string; readonly agentId: string } | undefined;
  /** Monotonic milliseconds. */
  readonly openedAt: number;
  binding: Binding | undefined;
  /** Binding by the hint; messages wait for it. */
  ready: Promise<void> | undefined;
  /** Code that we close it with. */
  closingWith: number | undefined;
  /** Code of an error in the WebSocket protocol. */
  protocolError: string | undefined;
  /** How it ended. */
  ended: SocketEnd | undefined;
  /** A newcomer that names this cluster got its slot. */
  slotTaken: boolean;
  /** The half-open predecessor whose slot this one got; it has it back if this one ends before it was bound. */
  readonly slotOf: AgentSocketContext | undefined;
  /** Types of ours that the agent does not know: it is never sent them again. */
  unknownTypes: Set<ClusterReplyType> | undefined;
  warnedAt: number | undefined;
}

export type AgentSocket = FleetSocket<AgentSocketContext>;

export interface SocketEnd {
  readonly reason: string;
  readonly closeCode: number;
  /** The agent left on purpose, or may not come back: offline at once. */
  readonly forGood: boolean;
}

interface CloseFacts {
  /** As `ws` reports it: what the peer sent, 1005 without one, 1006 when the connection just ended. */
  readonly code: number;
  readonly closingWith: number | undefined;
  readonly protocolError: string | undefined;
  readonly silentMs: number;
  readonly staleAfterMs: number;
  readonly congested: boolean;
}

const ABNORMAL = 1006;

/** Why a socket ended, as presence shows it (contract section 5). */
export function explainClose(facts: CloseFacts): SocketEnd {
  const { code, closingWith, protocolError } = facts;
  const end = (reason: string, closeCode: number, forGood = false): SocketEnd => ({ reason, closeCode, forGood });
  if (closingWith === 4401 || closingWith === 4403) return end('token_revoked', closingWith, true);
  if (closingWith !== undefined) return end('connection_lost', closingWith);
  if (protocolError === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') return end('message_too_big', 1009);
  if (protocolError !== undefined) return end('protocol_error', protocolError === 'WS_ERR_INVALID_UTF8' ? 1007 : 1002);
  if (code === 1008) return end('protocol_error', code);
  if (code === 1012) return end('server_draining', code);
  if (facts.congested && (code === ABNORMAL || code === 4413)) return end('slow_consumer', 4413);
  if (facts.silentMs >= facts.staleAfterMs && (code === ABNORMAL || code === 4408)) return end('pong_timeout', 4408);
  if (code === 1000 || code === 1001) return end('agent_closed', code, true);
  return end('connection_lost', code);
}
