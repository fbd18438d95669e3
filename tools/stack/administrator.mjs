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

/** AIWM may be busy right after its start; that says nothing about the password. */
async function logInPatiently(url, email, password, pauseMs = 1000) {
  for (let tries = 1; ; tries++) {
    const answer = await logIn(url, email, password);
    if ((answer.status !== 0 && answer.status < 500) || tries === 3) return answer;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/**
 * The administrator's password as far as it is known here, tried out: AIWM_ADMIN_PASSWORD counts only for an
 * administrator that is made or reset, and a person may have changed either since. What does not work is not shown and
 * not stored.
 * @param secrets of secrets.mjs: `values.AIWM_ADMIN_PASSWORD` is the given one or the generated one, `kept` the file
 * @returns {Promise<{password?: string, which: 'used'|'kept'|'unknown', accessToken?: string, status: number}>} `used` the one of
 *   `values`; `kept` another one, in the file; `unknown` when neither is accepted, `status` is the last answer
 */
export async function workingPassword(url, { values, kept }) {
  const { AIWM_ADMIN_EMAIL: email, AIWM_ADMIN_PASSWORD: used } = values;
  const first = await logInPatiently(url, email, used);
  if (first.status === 200) return { password: used, which: 'used', ...first };
  const other = kept.AIWM_ADMIN_PASSWORD;
  if (other && other !== used) {
    const second = await logInPatiently(url, email, other);
    if (second.status === 200) return { password: other, which: 'kept', ...second };
  }
  // also after too many wrong tries (429): a right password is heard all the same from where it was used before
  return { which: 'unknown', status: first.status };
}
