import { AgentCounters } from './agent-measures';

/** What the parts of the client write down for `health()` and `metrics()`. */
export class AgentRecord {
  readonly counters = new AgentCounters();
  lastHeartbeatAt: string | null = null;
  /** Null since the last connect or heartbeat that worked. */
  lastError: string | null = null;
  /** AIWM refused the last connect that it answered because an administrator suspended the agent. */
  isSuspended = false;
}
