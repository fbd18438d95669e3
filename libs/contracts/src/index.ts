export * from './platform/json';
export * from './platform/text';
export * from './platform/identity';
export * from './platform/bus';
export * from './execution-gateway';
export * from './vps-bridge';
export * from './cluster-agent';
export * from './aiwm';
