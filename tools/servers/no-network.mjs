/** What programs say when they reach nobody: Node's codes, and the words of pip and apt-get. */
const WORDS =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT)\b|NewConnectionError|ConnectTimeout|ReadTimeout|Failed to establish a new connection|name resolution|Name or service not known|nodename nor servname|Network is unreachable|No route to host|Connection refused|Temporary failure resolving|Could not resolve/i;

/** True when an output tells of a missing network (or of a proxy that is not known here). */
export const tellsOfNoNetwork = (output) => WORDS.test(output);

/** Nobody was reached; with a network it may well work. */
export class NoNetworkError extends Error {
  name = 'NoNetworkError';
}
