import type { FailureKind } from '@agentfleet/errors';
import type { VpsCallBody, VpsCallResult } from './wire-calls';

/** What becomes of a streamed answer when its agent breaks off in mid-stream. */
export const VPS_MIDSTREAM_MODES = ['restart', 'continue', 'fail'] as const;
export type VpsMidstreamMode = (typeof VPS_MIDSTREAM_MODES)[number];

/** Body of `POST /api/vps/call/stream`. */
export interface VpsStreamBody extends VpsCallBody {
  readonly on_midstream_failure?: VpsMidstreamMode | null;
}

export interface VpsFailoverData {
  readonly from: string;
  readonly to: string;
  readonly error_type: FailureKind;
  readonly error_code: string;
  readonly error: string;
  readonly midstream: boolean;
  readonly mode: VpsMidstreamMode;
  /** Everything valid so far; with `restart` it is to be dropped. */
  readonly sent_text: string;
}

/** Events of `POST /api/vps/call/stream`, by name. */
export interface VpsStreamData {
  readonly attempt: { readonly call_id: string; readonly agent: string; readonly try: number; readonly position: number };
  readonly text: { readonly agent: string; readonly delta: string };
  readonly failover: VpsFailoverData;
  readonly done: VpsCallResult;
  readonly error: VpsCallResult & { readonly partial_response?: string };
}

export type VpsStreamEvent = { readonly [K in keyof VpsStreamData]: { readonly event: K; readonly data: VpsStreamData[K] } }[keyof VpsStreamData];
