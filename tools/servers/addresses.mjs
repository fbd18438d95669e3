/** What MONGODB_URI and REDIS_URL must look like, when they are given. */
const RULES = [
  { name: 'MONGODB_URI', pattern: /^mongodb(\+srv)?:\/\/[^/?\s]+/, example: 'mongodb://127.0.0.1:27017/agentfleet?replicaSet=rs0 (or begin with mongodb+srv://)' },
  { name: 'REDIS_URL', pattern: /^rediss?:\/\/[^/?\s]+/, example: 'redis://127.0.0.1:6379 (or begin with rediss://)' },
];

/** One sentence for each address that cannot be one; the values are not repeated, they may hold passwords. */
export function addressProblems(variables) {
  return RULES.filter(({ name, pattern }) => variables[name] && !isAddress(variables[name], pattern)).map(({ name }) => malformedText(name));
}

/** MongoDB's may name several hosts, which no URL can. */
function isAddress(text, pattern) {
  return pattern.test(text) && (text.startsWith('mongodb') || URL.canParse(text));
}

export function malformedText(name, reason) {
  const { example } = RULES.find((rule) => rule.name === name);
  return `${name} is no address${reason ? ` (${reason})` : ''}: it must look like ${example}; unset it to let npm start bring its own server`;
}
