export * from './bridge';
export * from './agent';
