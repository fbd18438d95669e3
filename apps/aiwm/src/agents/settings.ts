import { cutText, isJsonObject, type JsonObject, type JsonValue } from '@agentfleet/contracts';
import type { FieldProblem } from '@agentfleet/errors';

export const REDACTED = '[redacted]';
const SECRET_KEY = /token|secret|passw|api_?key|private_?key|credential|authorization|cookie/i;

export type Settings = JsonObject;

/** A copy without a prototype's influence: keys such as `__proto__` never reach here (bodies with them are refused). */
function mapValues(value: JsonObject, change: (key: string, entry: JsonValue) => JsonValue): JsonObject {
  return Object.fromEntries(Object.entries(value).flatMap(([key, entry]) => (entry === undefined ? [] : [[key, change(key, entry)]])));
}

function redactValue(value: JsonValue, isSecret: boolean): JsonValue {
  if (typeof value === 'string') return isSecret ? REDACTED : value;
  if (Array.isArray(value)) return value.map((entry) => redactValue(entry, isSecret));
  if (isJsonObject(value)) return mapValues(value, (key, entry) => redactValue(entry, SECRET_KEY.test(key)));
  return value;
}

/** Settings as users and keys read them: strings under a telling key are `"[redacted]"`, at any depth. */
export function redactSettings(settings: Settings): Settings {
  return mapValues(settings, (key, entry) => redactValue(entry, SECRET_KEY.test(key)));
}

function dropSecrets(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(dropSecrets);
  return isJsonObject(value) ? withoutSecrets(value) : value;
}

/** True for what reads show as `"[redacted]"`. */
const isRedacted = (value: JsonValue | undefined): boolean => typeof value === 'string' || (Array.isArray(value) && value.some(isRedacted));

/** Settings without everything that reads would redact. */
export function withoutSecrets(settings: Settings): Settings {
  const open = Object.entries(settings).filter(([key, value]) => !(SECRET_KEY.test(key) && isRedacted(value)));
  return mapValues(Object.fromEntries(open), (_key, value) => dropSecrets(value));
}

/**
 * Settings as they are to be stored: `"[redacted]"` under a telling key keeps what is stored at that path.
 * Where nothing is stored there, the path is a problem.
 */
export function restoreSecrets(given: Settings, stored: Settings): { settings: Settings; problems: readonly FieldProblem[] } {
  const problems: FieldProblem[] = [];
  const restore = (value: JsonValue, present: JsonValue | undefined, isSecret: boolean, path: string): JsonValue => {
    if (value === REDACTED && isSecret) {
      if (typeof present === 'string') return present;
      problems.push({ field: path, message: 'is "[redacted]", but nothing is stored there' });
      return value;
    }
    if (Array.isArray(value)) {
      return value.map((entry, index) => restore(entry, Array.isArray(present) ? present[index] : undefined, isSecret, `${path}[${index}]`));
    }
    if (isJsonObject(value)) {
      const below = isJsonObject(present) ? present : {};
      return mapValues(value, (key, entry) => restore(entry, Object.hasOwn(below, key) ? below[key] : undefined, SECRET_KEY.test(key), `${path}.${cutText(key, 64)}`));
    }
    return value;
  };
  const settings = mapValues(given, (key, entry) =>
    restore(entry, Object.hasOwn(stored, key) ? stored[key] : undefined, SECRET_KEY.test(key), `settings.${cutText(key, 64)}`),
  );
  return { settings, problems };
}
