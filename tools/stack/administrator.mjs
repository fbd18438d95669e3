const TIME_LIMIT_MS = 15_000;

/**
 * Logs in at AIWM.
 * @returns {Promise<{status: number, accessToken?: string}>} status 0 when AIWM does not answer
 */
export async function logIn(url, email, password) {
  try {
    const response = await fetch(`${url}/auth/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username: email, password }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIME_LIMIT_MS),
    });
    const body = await response.json().catch(() => ({}));
    return { status: response.status, accessToken: response.status === 200 ? body.accessToken : undefined };
  } catch {
    return { status: 0 };
  }
}

/**
 * The administrator's password as far as it is known here, tried out: AIWM_ADMIN_PASSWORD counts only for an
 * administrator that is made or reset, and a person may have changed either since. What does not work is not shown and
 * not stored.
 * @param secrets of secrets.mjs: `values.AIWM_ADMIN_PASSWORD` is the given one or the generated one, `kept` the file
 * @returns {Promise<{password?: string, which: 'used'|'kept'|'unknown', accessToken?: string}>} `used` the one of `values`;
 *   `kept` another one, in the file
 */
export async function workingPassword(url, { values, kept }) {
  const { AIWM_ADMIN_EMAIL: email, AIWM_ADMIN_PASSWORD: used } = values;
  const first = await logIn(url, email, used);
  // AIWM that does not answer, or answers that there were too many tries, says nothing about the password
  if (first.status !== 401) return { password: used, which: 'used', accessToken: first.accessToken };
  const other = kept.AIWM_ADMIN_PASSWORD;
  if (other && other !== used) {
    const second = await logIn(url, email, other);
    if (second.status === 200) return { password: other, which: 'kept', accessToken: second.accessToken };
  }
  return { which: 'unknown' };
}
