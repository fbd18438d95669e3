/** Wire types of the vps-bridge (contract vps-bridge), by topic; fields are spelled as on the wire. */
export * from './wire-agents';
export * from './wire-calls';
export * from './wire-health';
export * from './wire-records';
export * from './wire-sessions';
export * from './wire-stream';

/** Every error of the bridge. */
export interface VpsErrorBody {
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
  readonly error_id?: string;
  readonly correlation_id: string;
}
