import type { FieldProblem } from '@agentfleet/errors';
import { isPlainObject } from '../resources/validation';

export const REDACTED = '[redacted]';
const SECRET_KEY = /token|secret|passw|api_?key|private_?key|credential|authorization|cookie/i;

export type Settings = Readonly<Record<string, unknown>>;

/** A copy without a prototype's influence: keys such as `__proto__` never reach here (bodies with them are refused). */
function mapValues(value: Readonly<Record<string, unknown>>, change: (key: string, entry: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, change(key, entry)]));
}

function redactValue(value: unknown, isSecret: boolean): unknown {
  if (typeof value === 'string') return isSecret ? REDACTED : value;
  if (Array.isArray(value)) return value.map((entry) => redactValue(entry, isSecret));
  if (isPlainObject(value)) return mapValues(value, (key, entry) => redactValue(entry, SECRET_KEY.test(key)));
  return value;
}

/** Settings as users and keys read them: strings under a telling key are `"[redacted]"`, at any depth. */
export function redactSettings(settings: Settings): Settings {
  return mapValues(settings, (key, entry) => redactValue(entry, SECRET_KEY.test(key)));
}

function dropSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropSecrets);
  return isPlainObject(value) ? withoutSecrets(value) : value;
}

/** True for what reads show as `"[redacted]"`. */
const isRedacted = (value: unknown): boolean => typeof value === 'string' || (Array.isArray(value) && value.some(isRedacted));

/** Settings without everything that reads would redact. */
export function withoutSecrets(settings: Settings): Settings {
  const open = Object.entries(settings).filter(([key, value]) => !(SECRET_KEY.test(key) && isRedacted(value)));
  return Object.fromEntries(open.map(([key, value]) => [key, dropSecrets(value)]));
}

/**
 * Settings as they are to be stored: `"[redacted]"` under a telling key keeps what is stored at that path.
 * Where nothing is stored there, the path is a problem.
 */
export function restoreSecrets(given: Settings, stored: Settings): { settings: Settings; problems: readonly FieldProblem[] } {
  const problems: FieldProblem[] = [];
  const restore = (value: unknown, present: unknown, isSecret: boolean, path: string): unknown => {
    if (value === REDACTED && isSecret) {
      if (typeof present === 'string') return present;
      problems.push({ field: path, message: 'is "[redacted]", but nothing is stored there' });
      return value;
    }
    if (Array.isArray(value)) {
      return value.map((entry, index) => restore(entry, Array.isArray(present) ? present[index] : undefined, isSecret, `${path}[${index}]`));
    }
    if (isPlainObject(value)) {
      const below = isPlainObject(present) ? present : {};
      return mapValues(value, (key, entry) => restore(entry, Object.hasOwn(below, key) ? below[key] : undefined, SECRET_KEY.test(key), `${path}.${key.slice(0, 64)}`));
    }
    return value;
  };
  const settings = mapValues(given, (key, entry) =>
    restore(entry, Object.hasOwn(stored, key) ? stored[key] : undefined, SECRET_KEY.test(key), `settings.${key.slice(0, 64)}`),
  );
  return { settings, problems };
}
