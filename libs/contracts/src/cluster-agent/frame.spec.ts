import type { JsonObject } from '../platform/json';
import { clusterEcho, clusterRequestId, isBinaryProxyAnswer, parseClusterFrame } from './frame';

const message = (payload: unknown, more: object = {}): JsonObject => JSON.parse(JSON.stringify({ type: 'x', payload, ...more }));
const textOf = (type: 'register' | 'heartbeat' | 'status' | 'ping', payload: unknown, more: object = {}) => {
  const result = parseClusterFrame(type, message(payload, more));
  return result.ok ? 'ok' : result.text;
};
const agent = { agent_id: 'a1', name: 'prod' };

describe('register', () => {
  it('keeps what was sent, apart from what was not', () => {
    const result = parseClusterFrame('register', message({ ...agent, name: ' prod-é ', region: null, hostname: '', labels: { 'a.b/$c': '1', '': 'x' }, server_specs: { cpu_cores: 4, nested: { a: 1 } } }, { request_id: 'r1' }));
    expect(result).toEqual({
      ok: true,
      requestId: 'r1',
      frame: {
        type: 'register',
        registration: {
          agentId: 'a1',
          name: ' prod-é ',
          serviceToken: undefined,
          description: {
            region: null,
            hostname: '',
            labels: [{ name: 'a.b/$c', value: '1' }, { name: '', value: 'x' }],
            server_specs: { cpu_cores: 4 },
          },
        },
      },
    });
  });

  it.each([
    [undefined, 'payload must be an object'],
    [null, 'payload must be an object'],
    [[], 'payload must be an object'],
    [{ name: 'x' }, 'agent_id is required'],
    [{ agent_id: 'a' }, 'name is required'],
    [{ agent_id: 5, name: 'x' }, 'agent_id must be a string of 1 to 253 characters'],
    [{ agent_id: 'a', name: '   ' }, 'name must be a string of 1 to 253 characters'],
    [{ agent_id: 'a', name: 'x'.repeat(254) }, 'name must be a string of 1 to 253 characters'],
    [{ agent_id: 'a\u0000b', name: 'x' }, 'agent_id must not contain control characters or lone surrogates'],
    [{ agent_id: 'a', name: 'x\ud800' }, 'name must not contain control characters or lone surrogates'],
    [{ ...agent, hostname: 5 }, 'hostname must be a string of at most 253 characters'],
    [{ ...agent, server_specs: 'x' }, 'server_specs must be an object'],
    [{ ...agent, labels: { a: 1 } }, 'labels must have only strings of at most 1024 characters as values'],
    [{ ...agent, labels: { ['k'.repeat(318)]: '' } }, 'labels must have only keys of at most 317 characters'],
    [{ ...agent, labels: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`k${i}`, ''])) }, 'labels must have at most 256 entries'],
    [{ ...agent, features: { commands: 'yes' } }, 'features.commands must be true or false'],
    [{ ...agent, metadata: { x: 'y'.repeat(140_000) } }, 'metadata must be at most 131072 bytes of JSON'],
    [{ ...agent, cluster_id: 7 }, 'cluster_id must be a string'],
    [{ ...agent, k8s_service_token: 't'.repeat(16_385) }, 'k8s_service_token must be a string of at most 16384 bytes'],
  ])('refuses a bad payload (%#)', (payload, text) => expect(textOf('register', payload)).toBe(text));

  it('counts code points, not UTF-16 units', () => {
    expect(textOf('register', { agent_id: '😀'.repeat(253), name: 'x' })).toBe('ok');
    expect(textOf('register', { agent_id: '😀'.repeat(254), name: 'x' })).toBe('agent_id must be a string of 1 to 253 characters');
  });

  it('takes names that JavaScript objects have for labels', () => {
    const raw: JsonObject = JSON.parse('{"payload":{"agent_id":"a","name":"n","labels":{"__proto__":"p","constructor":"c"}}}');
    const result = parseClusterFrame('register', raw);
    expect(result.ok && result.frame.type === 'register' && result.frame.registration.description.labels).toEqual([
      { name: '__proto__', value: 'p' },
      { name: 'constructor', value: 'c' },
    ]);
  });
});

describe('heartbeat and status', () => {
  it('takes an empty one and one with everything', () => {
    expect(textOf('heartbeat', {})).toBe('ok');
    const payload = { cluster_id: 'c', agent_id: 'a', status: 'healthy', metadata: { any: [1] }, prometheus_url: 'http://u:p@x', grafana_ssl: true, worker_join: { generated_at: '0001-01-01T00:00:00Z' } };
    const result = parseClusterFrame('status', message(payload));
    expect(result.ok && result.frame).toEqual({
      type: 'status',
      heartbeat: {
        clusterId: 'c', agentId: 'a', status: 'healthy', tunnelStatus: undefined, metadata: { any: [1] },
        integrations: { prometheus_url: 'http://u:p@x', grafana_ssl: true }, workerJoin: { generated_at: '0001-01-01T00:00:00Z' },
      },
    });
  });

  it.each([
    [{ status: 'x'.repeat(65) }, 'status must be a string of at most 64 characters'],
    [{ cluster_id: 1 }, 'cluster_id must be a string of at most 1024 characters'],
    [{ metadata: [] }, 'metadata must be an object'],
    [{ loki_password: 5 }, 'loki_password must be a string of at most 4096 characters'],
    [{ prometheus_ssl: 'yes' }, 'prometheus_ssl must be true or false'],
    [{ worker_join: 'x' }, 'worker_join must be an object'],
  ])('refuses a bad payload (%#)', (payload, text) => expect(textOf('heartbeat', payload)).toBe(text));
});

it('takes a ping without a payload, refuses one that is no object', () => {
  expect(textOf('ping', undefined)).toBe('ok');
  expect(textOf('ping', { a: 1 })).toBe('ok');
  expect(textOf('ping', 'x')).toBe('payload must be an object');
});

it('echoes request ids exactly and refuses others', () => {
  for (const none of [undefined, null, '']) expect(clusterRequestId(message({}, { request_id: none }))).toEqual({ ok: true, requestId: undefined });
  expect(clusterRequestId(message({}, { request_id: ' é😀 ' })).requestId).toBe(' é😀 ');
  expect(textOf('ping', {}, { request_id: 5 })).toBe('request_id must be a string of at most 256 characters');
  expect(textOf('ping', {}, { request_id: 'x'.repeat(257) })).toBe('request_id must be a string of at most 256 characters');
});

it('repeats at most 64 characters of an agent', () => {
  expect(clusterEcho('short')).toBe('short');
  expect([...clusterEcho('😀'.repeat(100))]).toHaveLength(65);
  expect(clusterEcho('Cluster NOT found')).toBe('…');
});

describe('binary proxy answers', () => {
  const answer = (id: string, headers: string, body = 'x', status = 200) => {
    const data = Buffer.alloc(2 + id.length + 8);
    data.writeUInt16BE(id.length, 0);
    data.write(id, 2);
    data.writeUInt32BE(status, 2 + id.length);
    data.writeUInt32BE(headers.length, 6 + id.length);
    return Buffer.concat([data, Buffer.from(headers), Buffer.from(body)]);
  };
  it('are told from other bytes', () => {
    expect(isBinaryProxyAnswer(answer('id', '{"A":["b"]}'))).toBe(true);
    expect(isBinaryProxyAnswer(answer('id', 'null', ''))).toBe(true);
    expect(isBinaryProxyAnswer(answer('id', '[1]'))).toBe(false);
    expect(isBinaryProxyAnswer(answer('id', '{bad'))).toBe(false);
    expect(isBinaryProxyAnswer(answer('', 'null'))).toBe(false);
    expect(isBinaryProxyAnswer(Buffer.alloc(0))).toBe(false);
    expect(isBinaryProxyAnswer(Buffer.from('hello world'))).toBe(false);
    expect(isBinaryProxyAnswer(answer('id', 'null').subarray(0, 9))).toBe(false);
  });
});
