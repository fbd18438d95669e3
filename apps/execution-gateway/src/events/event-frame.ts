import type { RunEventBody } from '@agentfleet/contracts';
import { wireTime } from '@agentfleet/sessions';
import type { EventDocument } from './event.schema';

/** An event with its place in the log; its text is made once and is what everybody gets. */
export function eventDocument(body: RunEventBody, place: { sessionKey: string; runId: string; seq: number; epoch: number; atMs: number }): EventDocument {
  const frame = JSON.stringify({ type: body.type, data: body.data, timestamp: wireTime(place.atMs), seq: place.seq, run_id: place.runId });
  return { session_key: place.sessionKey, seq: place.seq, run_id: place.runId, epoch: place.epoch, type: body.type, frame, at: new Date(place.atMs) };
}
