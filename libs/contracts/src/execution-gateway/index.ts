export * from './usage';
export * from './events';
export * from './rest';
export * from './bus';
export * from './frames';
export * from './session-create';
export { hasControlCharacter } from './fields';
export type { GatewayFieldProblem, GatewayParsed } from './fields';
