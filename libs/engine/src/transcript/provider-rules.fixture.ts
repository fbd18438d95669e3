import { isJsonObject, isWellFormedJson, type JsonObject, type JsonValue } from '@agentfleet/contracts';

type Messages = readonly JsonObject[];

/** Ids that the model asked made itself; null when that is not known. */
type OwnIds = ReadonlySet<string> | null;

/** One check for each rule of a provider; each says what is wrong, or nothing. */
export const PROVIDER_RULES: Readonly<Record<string, (messages: Messages, ownIds: OwnIds) => string | null>> = {
  'one system message at most, first': (messages) => first(messages, (message, at) => message['role'] === 'system' && at > 0),
  'the user begins': (messages) => (roles(messages.filter((message) => message['role'] !== 'system'))[0] === 'user' ? null : 'begins with another role'),
  'no user behind a user': (messages) => follows(messages, 'user', 'user'),
  'no user behind a result': (messages) => follows(messages, 'tool', 'user'),
  'no answer behind an answer': (messages) => follows(messages, 'assistant', 'assistant'),
  'the last message is the user\'s or a result': (messages) => (['user', 'tool'].includes(String(roles(messages).at(-1))) ? null : 'ends with another role'),
  'content of a user is a text': (messages) => first(messages, (message) => message['role'] === 'user' && typeof message['content'] !== 'string'),
  'content of all others is a text too, or missing beside calls': (messages) =>
    first(messages, (message) => typeof message['content'] !== 'string' && !((message['content'] ?? null) === null && callsOf(message).length > 0)),
  'no blank text': (messages) => first(messages, (message) => textsOf(message).some((text) => text.trim() === '')),
  'an answer has text or calls': (messages) => first(messages, (message) => message['role'] === 'assistant' && textsOf(message).length === 0 && callsOf(message).length === 0),
  'each call has one result, right behind it and in order': unanswered,
  'ids of calls are there and unique': (messages) => {
    const ids = messages.flatMap((message) => callsOf(message).map((call) => String(call['id'])));
    return new Set(ids).size === ids.length && ids.every((id) => id.trim() !== '' && id !== 'undefined') ? null : `ids ${JSON.stringify(ids)}`;
  },
  'ids of other models and versions have nine letters and digits': (messages, ownIds) =>
    first(messages, (message) => callsOf(message).some((call) => isForeign(String(call['id']), ownIds))),
  'names that all providers take': (messages) => first(messages, (message) => callsOf(message).some((call) => !/^[A-Za-z0-9_-]{1,64}$/.test(String(functionOf(call)['name'])))),
  'arguments are JSON objects': (messages) => first(messages, (message) => callsOf(message).some((call) => !isJsonObject(parsed(functionOf(call)['arguments'])))),
  'no half of a surrogate pair': (messages) =>
    first(messages, (message) => !isWellFormedJson(message) || callsOf(message).some((call) => !isWellFormedJson(parsed(functionOf(call)['arguments'])))),
  'thoughts come with rounds only': (messages) => first(messages, (message) => message['reasoning_content'] !== undefined && callsOf(message).length === 0),
};

/** What providers would refuse in the body of a request; with `ownIds` also every other id that only some take. */
export function complaints(body: unknown, ownIds: OwnIds = null): string[] {
  const list = isJsonObject(body) && Array.isArray(body['messages']) ? body['messages'] : [];
  const messages = list.filter((message: unknown) => isJsonObject(message));
  return Object.entries(PROVIDER_RULES).flatMap(([rule, check]) => {
    const problem = check(messages, ownIds);
    return problem === null ? [] : [`${rule}: ${problem}`];
  });
}

function roles(messages: Messages): (JsonValue | undefined)[] {
  return messages.map((message) => message['role']);
}

function first(messages: Messages, isWrong: (message: JsonObject, at: number) => boolean): string | null {
  const at = messages.findIndex(isWrong);
  return at === -1 ? null : `messages[${at}] ${JSON.stringify(messages[at]).slice(0, 300)}`;
}

function follows(messages: Messages, before: string, role: string): string | null {
  return first(messages, (message, at) => message['role'] === role && messages[at - 1]?.['role'] === before);
}

function textsOf(message: JsonObject): string[] {
  const { content } = message;
  if (typeof content === 'string') return [content];
  return Array.isArray(content) ? content.map((part: unknown) => (isJsonObject(part) ? String(part['text']) : '')) : [];
}

function callsOf(message: JsonObject): JsonObject[] {
  const calls = message['tool_calls'];
  return Array.isArray(calls) ? calls.filter((call: unknown) => isJsonObject(call)) : [];
}

/** Without knowing what the model made, only the form of our own earlier ids tells. */
function isForeign(id: string, ownIds: OwnIds): boolean {
  if (/^call_[0-9a-f]{24}$/.test(id)) return true;
  return ownIds !== null && !ownIds.has(id) && !/^[A-Za-z0-9]{9}$/.test(id);
}

function functionOf(call: JsonObject): JsonObject {
  return isJsonObject(call['function']) ? call['function'] : {};
}

function parsed(text: unknown): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(String(text));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function unanswered(messages: Messages): string | null {
  const expected: string[] = [];
  for (const [at, message] of messages.entries()) {
    if (message['role'] === 'tool') {
      if (expected.shift() !== message['tool_call_id']) return `messages[${at}] answers no call, or not in order`;
    } else if (expected.length > 0) return `messages[${at}] comes before the results of ${expected.join(', ')}`;
    else expected.push(...callsOf(message).map((call) => String(call['id'])));
  }
  return expected.length === 0 ? null : `no results of ${expected.join(', ')}`;
}
