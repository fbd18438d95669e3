import { isJsonList, type JsonValue } from './json';

/**
 * The value as JSON whose members are sorted by code unit at every depth: two texts that say the same have the same
 * fingerprint. Numbers and texts are as `JSON.stringify` writes them. It recurses: the depth of a body is limited before.
 */
export function canonicalJson(value: JsonValue): string {
  if (isJsonList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members: string[] = [];
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${canonicalJson(member)}`);
  }
  return `{${members.join(',')}}`;
}
