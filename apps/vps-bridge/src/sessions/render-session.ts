import type { VpsNumberedMessage, VpsSessionItem, VpsSessionMessage } from '@agentfleet/contracts';
import { wireTime, type Message } from '@agentfleet/sessions';
import type { StoredSession } from './session.repository';

export function renderMessage({ timestampMs, role, content, agent, incomplete }: Message): VpsSessionMessage {
  return { timestamp: wireTime(timestampMs), role, content, agent, ...(incomplete ? { incomplete: true } : {}) };
}

export function renderNumbered(message: Message): VpsNumberedMessage {
  return { seq: message.seq, ...renderMessage(message), call_id: message.callId };
}

export function renderSessionItem(session: StoredSession): VpsSessionItem {
  return {
    session_id: session.sessionId,
    user_id: session.userId,
    created_at: wireTime(session.createdAtMs),
    last_activity: wireTime(session.lastActivityMs),
    total_messages: session.totalMessages,
    metadata: session.metadata,
  };
}

const CHUNK_CHARACTERS = 64 * 1024;

/**
 * A session with its messages as JSON, piece by piece: a session may be larger than any answer should be in memory.
 * `total_messages` is counted on the way when all messages are shown, so that number and content always agree.
 */
export async function* sessionJson(session: StoredSession, messages: AsyncIterable<Message>, showsAll: boolean): AsyncGenerator<string> {
  const { session_id, user_id, created_at, last_activity, metadata } = renderSessionItem(session);
  const head = JSON.stringify({ session_id, user_id, created_at, last_activity });
  let chunk = `${head.slice(0, -1)},"messages":[`;
  let count = 0;
  for await (const message of messages) {
    chunk += (count++ === 0 ? '' : ',') + JSON.stringify(renderMessage(message));
    if (chunk.length < CHUNK_CHARACTERS) continue;
    yield chunk;
    chunk = '';
  }
  yield `${chunk}],"metadata":${JSON.stringify(metadata)},"total_messages":${showsAll ? count : session.totalMessages}}`;
}

/** A file of sessions, each as `sessionJson` gives it; their number is counted on the way and so comes last. */
export async function* exportJson(
  exportedAtMs: number,
  sessions: AsyncIterable<StoredSession>,
  messagesOf: (session: StoredSession) => AsyncIterable<Message>,
): AsyncGenerator<string> {
  let count = 0;
  let before = `{"exported_at":${JSON.stringify(wireTime(exportedAtMs))},"sessions":{`; // not sent before storage has answered: until then it may be 503
  for await (const session of sessions) {
    yield `${before}${JSON.stringify(session.sessionId)}:`;
    yield* sessionJson(session, messagesOf(session), true);
    before = ',';
    count++;
  }
  yield `${count === 0 ? before : ''}},"total_sessions":${count}}`;
}
