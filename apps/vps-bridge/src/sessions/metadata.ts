import type { JsonObject, JsonValue } from '@agentfleet/contracts';

/**
 * Metadata is any JSON, MongoDB is not: keys like `$ref` or an empty one mean something there, and numbers change their
 * type. So each top-level key is stored with a prefix and its value as JSON text, and merging stays an operation of the
 * database.
 */
const PREFIX = 'k:';

export type StoredMetadata = Readonly<Record<string, string>>;

export function storeMetadata(metadata: JsonObject): StoredMetadata {
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [PREFIX + key, JSON.stringify(value)]));
}

export function readMetadata(stored: StoredMetadata): JsonObject {
  return Object.fromEntries(Object.entries(stored).map(([key, text]): [string, JsonValue] => [key.slice(PREFIX.length), JSON.parse(text)]));
}

/** Size of the JSON that the merged metadata would have, in bytes. */
export function mergedBytes(stored: StoredMetadata, patch: JsonObject): number {
  return Buffer.byteLength(JSON.stringify({ ...readMetadata(stored), ...patch }));
}

export const MAX_MERGED_METADATA_BYTES = 1024 * 1024;
