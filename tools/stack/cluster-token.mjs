const TIME_LIMIT_MS = 15_000;
const SCOPE = 'cluster:register';
/** An id that no cluster has: a valid token is answered 404, an unknown one 401. */
const NOBODY = '00000000-0000-4000-8000-000000000000';

/**
 * The token with which clusters of this stack register: the kept one while it is valid, else a new one, made through
 * AIWM as the first administrator.
 * @param accessToken of the administrator, when a password is known that works
 * @returns {Promise<{token?: string, made: boolean, problem?: string}>}
 */
export async function obtainClusterToken({ kept, urls, accessToken }) {
  try {
    if (kept && (await isAccepted(kept, urls.cluster_agent))) return { token: kept, made: false };
    return { token: await makeToken(urls.aiwm, accessToken), made: true };
  } catch (error) {
    return { token: kept, made: false, problem: error.message };
  }
}

async function isAccepted(token, url) {
  const response = await ask(`${url}/api/v1/clusters/agent/${NOBODY}/tunnel-info`, { headers: { 'X-API-Key': token } });
  return response.status !== 401 && response.status !== 403;
}

async function makeToken(url, accessToken) {
  if (!accessToken) {
    throw new Error(`no password of the administrator is known that works; make one at ${url}/api-docs (POST /api-keys with the scope ${SCOPE})`);
  }
  const answer = await ask(
    `${url}/api-keys`,
    jsonPost({ name: 'npm start cluster token', scopes: [SCOPE] }, { Authorization: `Bearer ${accessToken}` }),
  );
  if (answer.status !== 201) throw new Error(`making the cluster token answered ${answer.status}`);
  const { key } = await answer.json();
  if (typeof key !== 'string' || !key.startsWith('afk_')) throw new Error('making the cluster token answered without a key');
  return key;
}

const ask = (url, options) => fetch(url, { ...options, redirect: 'error', signal: AbortSignal.timeout(TIME_LIMIT_MS) });

const jsonPost = (body, headers = {}) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
