export { BridgeClient } from './bridge-client';
export type { CallFilter, MessageFilter, SessionFilter } from './bridge-client';
export { BridgeError } from './bridge-error';
export type { BridgeProblem } from './bridge-error';
export type { BridgeOptions, KeyedOptions, RequestOptions } from './bridge-http';
