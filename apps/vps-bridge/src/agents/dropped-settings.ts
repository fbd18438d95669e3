import type { VpsRegistration } from '@agentfleet/contracts';

/** Optional settings, as they are called in a registration's body. */
const OPTIONAL = {
  protocol: 'protocol',
  auth_token: 'authToken',
  timeout_seconds: 'timeoutSeconds',
  max_retries: 'maxRetries',
  fallback_agents: 'fallbackAgents',
  api: 'api',
  model: 'model',
  streaming: 'streaming',
  retry_on: 'retryOn',
  fallback_on: 'fallbackOn',
} as const satisfies Readonly<Record<string, keyof VpsRegistration>>;

type Optional = (typeof OPTIONAL)[keyof typeof OPTIONAL];

/**
 * Settings that the agent had and that are back to their defaults because its new registration does not name them. What is
 * sent as null was meant so.
 * @returns names as in the body, never values.
 */
export function droppedSettings(before: Pick<VpsRegistration, Optional>, now: Pick<VpsRegistration, Optional>, body: unknown): readonly string[] {
  return Object.entries(OPTIONAL).flatMap(([field, setting]) => {
    const isSent = typeof body === 'object' && body !== null && Object.hasOwn(body, field);
    return isSent || JSON.stringify(before[setting]) === JSON.stringify(now[setting]) ? [] : field;
  });
}
