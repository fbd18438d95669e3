const ASK_EVERY_MS = 100;
const ASK_LIMIT_MS = 3000;

/**
 * Asks GET /health/ready until it answers 200.
 * @param {() => string | undefined} given up says why there is no point in waiting
 * @returns {Promise<{ready: true, status: string} | {ready: false, reason: string}>} status `ready` or `degraded`
 */
export async function waitForReady(url, { timeoutMs, givenUp = () => undefined }) {
  const deadlineMs = Date.now() + timeoutMs;
  let last = 'no answer';
  for (;;) {
    const reason = givenUp();
    if (reason) return { ready: false, reason };
    const answer = await ask(url);
    if (answer.status === 200) return { ready: true, status: answer.said };
    last = answer.said;
    if (Date.now() > deadlineMs) return { ready: false, reason: `not ready after ${Math.round(timeoutMs / 1000)} s (${last})` };
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

/**
 * What to tell of an app that was started again after a death that was told of.
 * @param {() => boolean} isOver it has died once more, or everything is being stopped: then there is nothing to tell
 * @returns {Promise<string | undefined>}
 */
export async function comeback({ id, url }, pid, { timeoutMs, isOver }) {
  const result = await waitForReady(url, { timeoutMs, givenUp: () => (isOver() ? 'over' : undefined) });
  if (isOver()) return undefined;
  return result.ready ? `${id} is ready again (pid ${pid})` : `${id} was started again, but is ${result.reason}`;
}

async function ask(url) {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    const body = await response.json().catch(() => ({}));
    return { status: response.status, said: `${body.status ?? response.status}${down(body.checks)}` };
  } catch (error) {
    return { status: 0, said: error.cause?.code ?? error.name };
  }
}

function down(checks) {
  const names = Object.entries(checks ?? {}).filter(([, value]) => value === 'down').map(([name]) => name);
  return names.length > 0 ? ` (${names.join(', ')} down)` : '';
}
