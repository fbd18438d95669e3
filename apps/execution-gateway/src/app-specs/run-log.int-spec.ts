import { isJsonObject, type JsonObject } from '@agentfleet/contracts';
import { bootApp } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import { ask, newSession, TestGateway } from './gateway.fixture';

it('the end of each run is one line at info: run, session, outcome, duration, and no word of anybody', async () => {
  const lines: string[] = [];
  const logDestination = { write: (line: string) => void lines.push(line) };
  const gateway = await TestGateway.create({ LOG_LEVEL: 'info' }, (definition, { env }) => bootApp(definition, { env, logDestination }));
  try {
    const replica = await gateway.boot();
    const id = await newSession(replica);
    const ended = (): JsonObject[] => lines.map((line): unknown => JSON.parse(line)).filter((line) => isJsonObject(line)).filter((line) => line['msg'] === 'Run ended');
    const run = async (body: JsonObject): Promise<string> => {
      const before = ended().length;
      const started = await ask(replica, 'POST', `/sessions/${id}/runs`, body);
      await waitFor('the line', () => (ended().length > before ? true : undefined));
      return String(started.body['run_id']);
    };
    const fine = await run({ user_input: 'PRIVATE [[say=WORDS]]', context: { PRIVATE: 'PRIVATE' } });
    const failed = await run({ user_input: 'PRIVATE [[fail=400]]' });
    const line = (runId: string, outcome: string, reason: string) => ({ level: 'info', run_id: runId, session_id: id, outcome, reason, duration_ms: expect.any(Number) });
    expect(ended()).toMatchObject([line(fine, 'succeeded', 'stop'), line(failed, 'failed', 'error')]);
    expect(lines.join('')).not.toMatch(/PRIVATE|WORDS/);
  } finally {
    await gateway.close();
  }
});
