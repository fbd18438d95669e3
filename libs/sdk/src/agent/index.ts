export { AgentClient, type AgentClientOptions } from './agent-client';
export type { AgentEnvironment, AiwmAccess, Variables } from './agent-environment';
export type { AgentEvents } from './agent-events';
export type { AgentHealth, AgentMode } from './agent-health';
export type { AgentLog } from './agent-log';
export type { AgentStatus, ReportCallbacks } from './heartbeat-report';
export type { AgentCounter, AgentMeasures } from './agent-measures';
export { AgentSettings, type KnownVariable, type Setting, type SettingSource } from './agent-settings';
export type { ConfigurationDocument } from './configuration-document';
