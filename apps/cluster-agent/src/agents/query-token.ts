const MAX_TOKEN_LENGTH = 512;

/**
 * The key in the query of a socket's URL: undefined when there is none, `""` (which no key equals) when it is given in any
 * other way than exactly once as `token=<key>`. Own parser: usual ones understand `token[]` and drop what does not decode.
 */
export function tokenFromQuery(rawQuery: string): string | undefined {
  const given = rawQuery.split('&').filter((part) => /^(token|%74)/i.test(part));
  if (given.length === 0) return undefined;
  const [name, ...rest] = (given[0] ?? '').split('=');
  const value = rest.join('=');
  if (given.length !== 1 || name !== 'token' || value.length > MAX_TOKEN_LENGTH) return '';
  try {
    return decodeURIComponent(value);
  } catch {
    return '';
  }
}
