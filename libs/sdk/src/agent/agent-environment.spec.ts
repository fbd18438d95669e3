import { readAgentEnvironment } from './agent-environment';

const ACCESS = { AIWM_BASE_URL: 'https://host/dev/aiwm', AIWM_AGENT_ID: 'a1', AIWM_AGENT_SECRET: 's'.repeat(64) };

test.each([
  ['https://host/dev/aiwm', 'https://host/dev/aiwm'],
  ['https://host/dev/aiwm///', 'https://host/dev/aiwm'],
  ['http://[::1]:3305', 'http://[::1]:3305'],
])('the address %s keeps its prefix', (AIWM_BASE_URL, baseUrl) => expect(readAgentEnvironment({ ...ACCESS, AIWM_BASE_URL }).aiwm?.baseUrl).toBe(baseUrl));

test.each(['', 'host', 'ftp://host', 'http://user:password@host', 'http://host?x=1', 'http://host#x'])('the address %p is refused', (AIWM_BASE_URL) => {
  expect(() => readAgentEnvironment({ ...ACCESS, AIWM_ENABLED: 'true', AIWM_BASE_URL })).toThrow('AIWM_BASE_URL');
});

test.each([
  ['false', false],
  ['FALSE', false],
  ['0', false],
  ['no', false],
  ['', false],
  ['true', true],
  ['1', true],
  [undefined, true],
])('AIWM_ENABLED=%p', (AIWM_ENABLED, isOn) => expect(readAgentEnvironment({ ...ACCESS, AIWM_ENABLED }).aiwm !== null).toBe(isOn));

test.each(['AIWM_BASE_URL', 'AIWM_AGENT_ID', 'AIWM_AGENT_SECRET'])('without %s it is off, unless AIWM_ENABLED asks for it', (name) => {
  const variables = { ...ACCESS, [name]: undefined };
  expect(readAgentEnvironment(variables).aiwm).toBeNull();
  expect(() => readAgentEnvironment({ ...variables, AIWM_ENABLED: 'true' })).toThrow(name);
});

test('the defaults are those of the contract', () => {
  expect(readAgentEnvironment({})).toEqual({ aiwm: null, agentName: 'agent', instructionFile: './instruction.md', healthPort: null });
});
