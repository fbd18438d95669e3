import type { AiwmAgent, JsonObject } from '@agentfleet/contracts';
import type { PresenceView } from '../presence/presence.service';
import { tenantWire } from '../tenancy/tenant';
import type { AgentDto } from './agent.dto';
import type { AgentDocument } from '../agent-records/agent.schema';
import { redactSettings, type Settings } from './settings';

const iso = (ms: number) => new Date(ms).toISOString();
const isoOrNull = (date: Date | null | undefined) => date?.toISOString() ?? null;

/** An agent as users and keys read it: no secret, no hash, settings redacted. */
export function agentWire(agent: AgentDocument, settings: Settings, view: PresenceView): AgentDto {
  const { presence, record } = view;
  const metrics: JsonObject | null = record?.metrics == null ? null : JSON.parse(record.metrics);
  return {
    _id: agent._id.toHexString(),
    name: agent.name,
    description: agent.description,
    status: agent.status,
    type: agent.type,
    instructionId: agent.instructionId,
    nodeId: agent.nodeId,
    allowedToolIds: [...agent.allowedToolIds],
    tags: [...agent.tags],
    settings: redactSettings(settings),
    connectionStatus: presence.status,
    presence: {
      status: presence.status,
      since: iso(presence.sinceMs),
      reason: presence.reason,
      detail: presence.detail ?? null,
      lastHeartbeatAt: isoOrNull(record?.lastHeartbeatAt),
      nextExpectedAt: presence.nextExpectedAtMs === undefined ? null : iso(presence.nextExpectedAtMs),
    },
    connectionCount: record?.connectionCount ?? 0,
    lastConnectedAt: isoOrNull(record?.lastConnectedAt),
    lastHeartbeatAt: isoOrNull(record?.lastHeartbeatAt),
    metrics,
    metricsAt: isoOrNull(record?.metricsAt),
    configRevision: agent.configRevision,
    credentials: {
      issuedAt: isoOrNull(agent.credential?.issuedAt),
      lastUsedAt: isoOrNull(record?.secretLastUsedAt),
      previousExpiresAt: isoOrNull(agent.previousCredential?.expiresAt),
      previousLastUsedAt: agent.previousCredential ? isoOrNull(record?.previousSecretLastUsedAt) : null,
    },
    ...tenantWire(agent),
  } satisfies AiwmAgent;
}
