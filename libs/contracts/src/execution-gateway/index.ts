export * from './usage';
export * from './events';
export * from './rest';
export * from './bus';
export * from './frames';
export * from './session-create';
export * from './text';
export { hasControlCharacter } from './fields';
export type { GatewayFieldProblem, GatewayParsed } from './fields';
