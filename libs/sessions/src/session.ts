/** A JSON object of the caller's; keys such as `$where`, `a.b` and `` are data. */
export type Metadata = Readonly<Record<string, unknown>>;

export const MESSAGE_ROLES = ['user', 'assistant', 'system'] as const;
export type MessageRole = (typeof MESSAGE_ROLES)[number];

/** A conversation with agents, without its messages. Times are milliseconds since 1970. */
export interface Session {
  readonly sessionId: string;
  /** A label that callers assert; it protects against mix-ups. */
  readonly userId: string;
  readonly createdAtMs: number;
  readonly lastActivityMs: number;
  readonly metadata: Metadata;
  readonly totalMessages: number;
}

export interface Message {
  /** From 1, growing, per session. */
  readonly seq: number;
  readonly timestampMs: number;
  readonly role: MessageRole;
  readonly content: string;
  /** The agent that answered, `''` for prompts. */
  readonly agent: string;
  readonly callId: string | null;
  /** The agent broke off or the client left while it was streamed. */
  readonly incomplete: boolean;
}

/** What a call that names a session may do with it. */
export type OwnerDecision = { readonly kind: 'create'; readonly userId: string } | { readonly kind: 'use' } | { readonly kind: 'refuse' };

/**
 * Sessions are made on first use, for the user that the call names, else for the caller. Without a user an existing
 * session is used as it is (older clients name none); another user's session is refused.
 */
export function resolveOwner(ownerId: string | null, requestedUserId: string | null, callerId: string): OwnerDecision {
  if (ownerId === null) return { kind: 'create', userId: requestedUserId ?? callerId };
  return requestedUserId === null || requestedUserId === ownerId ? { kind: 'use' } : { kind: 'refuse' };
}

/** Times on the wire: RFC 3339, UTC, milliseconds. */
export function wireTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

export function wireTimeOrNull(timeMs: number | null): string | null {
  return timeMs === null ? null : wireTime(timeMs);
}
