import { parseVpsRegistration, type VpsRegistration } from '@agentfleet/contracts';
import { droppedSettings } from './dropped-settings';

const ADDRESS = { name: 'a', host: '10.0.0.1', port: 1 };
function registration(body: object): VpsRegistration {
  const parsed = parseVpsRegistration({ ...ADDRESS, ...body });
  if (!parsed.ok) throw new Error('not a registration');
  return parsed.value;
}
const FULL = { protocol: 'https', auth_token: 'tok-SECRET', timeout_seconds: 5, max_retries: 1, fallback_agents: ['b'], api: 'openai', model: 'm', streaming: true, retry_on: [], fallback_on: ['5xx'] };

it.each<[string, object, object, readonly string[]]>([
  ['all that is not sent again', FULL, {}, Object.keys(FULL)],
  ['nothing of what is sent again, as it was or otherwise', FULL, { ...FULL, streaming: false, auth_token: 'new' }, []],
  ['nothing of what is cleared on purpose', FULL, { ...FULL, auth_token: null, model: null, fallback_agents: [], streaming: false }, []],
  ['only what was set', { auth_token: 't', streaming: true }, { max_retries: 2 }, ['auth_token', 'streaming']],
  ['nothing of an agent that had defaults only', {}, {}, []],
])('names %s', (_name, before, now, dropped) => {
  expect(droppedSettings(registration(before), registration(now), { ...ADDRESS, ...now })).toEqual(dropped);
});
