import { bootApp, type RunningApp } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import { aiwmApp } from '../app';
import { aiwmStack, ADMIN, Client, type Stack } from '../app-specs/aiwm-stack.fixture';

let stack: Stack;
const opened: RunningApp[] = [];
beforeAll(async () => {
  stack = await aiwmStack();
  await stack.boot();
});
afterEach(async () => {
  for (const running of opened.splice(0)) await running.close();
});
afterAll(() => stack.close());

/** A replica whose warnings can be read. */
async function boot(env: Readonly<Record<string, string>>) {
  const lines: string[] = [];
  const running = await bootApp(aiwmApp, { env: { ...stack.env, LOG_LEVEL: 'warn', ...env }, logDestination: { write: (line: string) => void lines.push(line) } });
  opened.push(running);
  await running.services.lifecycle.whenReady();
  return { client: new Client(running.url), running, log: () => lines.join('') };
}

test('a password that is given when the administrator exists is said to be ignored, and is in no log', async () => {
  const { log } = await boot({ AIWM_ADMIN_PASSWORD: 'not the one it has' });
  await waitFor('the hint', () => log().includes('AIWM_ADMIN_PASSWORD is ignored: the administrator exists and has another password'));
  expect(log()).toContain('--reset-admin-password');
  expect(log()).not.toContain('not the one it has');
  const other = await boot({ AIWM_ADMIN_EMAIL: 'nobody@localhost' });
  await waitFor('the hint', () => other.log().includes('there are users already, none of them with the address of AIWM_ADMIN_EMAIL'));
});

test('the password that it has is no reason for a hint', async () => {
  const { log, running, client } = await boot({});
  // the hint's check is first in the queue, so it is over when a login is answered
  expect((await client.post('/auth/login', ADMIN)).status).toBe(200);
  expect([running.services.lifecycle.state, log()]).toEqual(['ready', '']);
});

test('a weak password of the operator is kept and named, without its text', async () => {
  const { client, log } = await boot({ AIWM_RESET_ADMIN_PASSWORD: 'qwerty1234' });
  expect(log()).toContain('AIWM_RESET_ADMIN_PASSWORD is one of the most common passwords');
  expect(log()).not.toContain('qwerty1234');
  const login = await client.post('/auth/login', { ...ADMIN, password: 'qwerty1234' });
  expect(login.status).toBe(200);
  const me = client.with({ Authorization: `Bearer ${String(login.body['accessToken'])}` });
  for (const newPassword of ['        ', 'aaaaaaaa', 'qwerty1234']) {
    const refused = await me.post('/auth/change-password', { currentPassword: 'qwerty1234', newPassword });
    expect([refused.status, refused.body.errors]).toEqual([400, [expect.stringMatching(/^newPassword (must have 8 bytes without|is one of)/)]]);
    const made = await me.post('/users', { username: 'weak@localhost', password: newPassword, roles: ['organization.viewer'] });
    expect([made.status, made.body.errors]).toEqual([400, [expect.stringMatching(/^password /)]]);
  }
});

test('a refused request is in the log with its code, the agent and the user; a refused login with the user, if anybody has that name', async () => {
  const { client, log } = await boot({ LOG_LEVEL: 'info', AIWM_RESET_ADMIN_PASSWORD: ADMIN.password });
  const admin = await client.login();
  const { _id: user } = (await admin.get('/auth/profile')).body;
  const agent = await admin.create('/agents', { name: 'Logged', secret: 'a secret of its own' });
  await admin.patch(`/agents/${agent}`, { status: 'nonsense' });
  await client.post(`/agents/${agent}/connect`, { secret: 'a wrong secret' });
  await client.post('/auth/login', { ...ADMIN, password: 'a wrong password' });
  await client.post('/auth/login', { username: 'my own password', password: 'x' });
  await waitFor('the lines', () => (log().match(/"Login refused"/g) ?? []).length === 2);
  const lines: Record<string, unknown>[] = log().trim().split('\n').map((line) => JSON.parse(line));
  const refused = lines.filter(({ msg, status }) => msg === 'Request' && Number(status) >= 400);
  expect(refused).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ status: 400, error: 'validation_failed', caller: { kind: 'user', id: user }, params: { id: agent } }),
      expect.objectContaining({ status: 401, error: 'invalid_credentials', params: { id: agent } }),
    ]),
  );
  expect(lines.filter(({ msg }) => msg === 'Login refused').map(({ result, user: whom }) => [result, whom])).toEqual([['invalid', user], ['invalid', null]]);
  expect(log()).not.toMatch(/a wrong|my own password|a secret of/);
});

test('a proxy that makes all sources look alike is named: at start by an https address, or when it speaks', async () => {
  const atStart = await boot({ AIWM_PUBLIC_URL: 'https://fleet.example/aiwm' });
  expect(atStart.log()).toContain('AIWM_PUBLIC_URL is the https address of a proxy that TRUSTED_PROXIES does not name');
  const trusting = await boot({ AIWM_PUBLIC_URL: 'https://fleet.example/aiwm', TRUSTED_PROXIES: '127.0.0.0/8' });
  const silent = await boot({});
  for (const { client } of [trusting, silent]) {
    for (let i = 0; i < 2; i++) await client.with({ 'X-Forwarded-For': '198.51.100.7' }).post(`/agents/${'f'.repeat(24)}/connect`, { secret: 'x' });
  }
  expect(trusting.log()).not.toContain('TRUSTED_PROXIES');
  expect(silent.log().match(/TRUSTED_PROXIES does not name/g)).toHaveLength(1);
});
