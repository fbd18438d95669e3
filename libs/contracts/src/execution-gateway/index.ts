export * from './usage';
export * from './events';
export * from './rest';
export * from './bus';
export * from './frames';
export * from './session-create';
export { GATEWAY_QUERY_DIALECT } from './dialect';
