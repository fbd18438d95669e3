export * from './messages';
export * from './notices';
export * from './frame';
export { parseClusterHeartbeat } from './heartbeat';
export { CLUSTER_MAX_METADATA_BYTES, parseClusterRegistration } from './register';
export { CLUSTER_QUERY_DIALECT } from './dialect';
