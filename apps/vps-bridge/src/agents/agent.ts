import type { VpsRegistration } from '@agentfleet/contracts';

/** A registered agent. */
export interface VpsAgent extends VpsRegistration {
  readonly id: string;
  readonly orgId: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Where an agent is. */
export type AgentAddress = Pick<VpsRegistration, 'name' | 'host' | 'port' | 'protocol'>;

/** Whether two registrations speak of the same machine; another one begins with a clean record of failures. */
export function isSameAddress(a: AgentAddress, b: AgentAddress): boolean {
  return a.host === b.host && a.port === b.port && a.protocol === b.protocol;
}
