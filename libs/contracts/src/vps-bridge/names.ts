import { isWellFormed } from '../platform/json';
import type { TextRule } from '../platform/field-reader';
import { hasCodePoints, hasControlCharacter, wellFormed } from '../platform/text';

/** A text for people, at most 64 characters of it, without half a surrogate pair. */
export function shortened(text: string): string {
  return wellFormed([...text.slice(0, 128)].slice(0, 64).join(''));
}

/** Ids that would collide with routes or prototypes. */
const IMPOSSIBLE_SESSION_IDS: ReadonlySet<string> = new Set(['.', '..', '__proto__', 'cleanup', 'export', 'import']);

/** 1 to 256 code points without control characters. */
export const LABEL_RULE: TextRule = {
  says: 'must be a string of 1 to 256 characters without control characters',
  accepts: (value) => hasCodePoints(value, 1, 256) && !hasControlCharacter(value),
};

export const SESSION_ID_RULE: TextRule = {
  says: 'must be a string of 1 to 256 characters without control characters, and none of ., .., __proto__, cleanup, export, import',
  accepts: (value) => LABEL_RULE.accepts(value) && !IMPOSSIBLE_SESSION_IDS.has(value),
};

export function isVpsSessionId(text: string): boolean {
  return isWellFormed(text) && SESSION_ID_RULE.accepts(text);
}

const AGENT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export const AGENT_NAME_RULE: TextRule = {
  says: 'must be 1 to 128 letters, digits, ".", "_" or "-", beginning with a letter or digit',
  accepts: isVpsAgentName,
};

export function isVpsAgentName(text: string): boolean {
  return AGENT_NAME.test(text);
}
