import { isJsonObject } from '@agentfleet/contracts';

/** Organization and one text field of a notice; null for anything else, since notices come from outside the process. */
export function readNotice(payload: unknown, field: string): { readonly orgId: string; readonly value: string } | null {
  if (!isJsonObject(payload)) return null;
  const { orgId, [field]: value } = payload;
  return typeof orgId === 'string' && typeof value === 'string' ? { orgId, value } : null;
}
