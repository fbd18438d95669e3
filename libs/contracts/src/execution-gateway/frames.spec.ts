import { parseExecuteMessage } from './frames';
import { parseSessionCreate } from './session-create';

const options = { maxInputBytes: 100 };
const parse = (frame: unknown) => parseExecuteMessage(frame, options);

describe('parseExecuteMessage', () => {
  it('takes a full execute and ignores other keys', () => {
    const frame = { action: 'execute', user_input: ' Hi 🌍', context: { a: 1 }, max_iterations: 5, limits: { max_seconds: 60 }, metadata: { m: true }, idempotency_key: 'k1', force_complex: true };
    expect(parse(frame)).toEqual({
      ok: true,
      message: {
        action: 'execute',
        request: { userInput: ' Hi 🌍', context: { a: 1 }, maxIterations: 5, limits: { max_seconds: 60 }, metadata: { m: true }, idempotencyKey: 'k1' },
      },
    });
  });

  it('takes null for absent', () => {
    const parsed = parse({ action: 'execute', user_input: 'x', context: null, max_iterations: null, limits: null, idempotency_key: null });
    expect(parsed).toMatchObject({ ok: true, message: { request: { context: {}, limits: {} } } });
  });

  it.each(['5', 1.5, true, [], 0, 1001, {}, -1])('refuses max_iterations %j', (value) => {
    expect(parse({ action: 'execute', user_input: 'x', max_iterations: value })).toEqual({
      ok: false,
      problem: { message: 'max_iterations must be a whole number from 1 to 1000', field: 'max_iterations' },
    });
  });

  it.each([undefined, null, '', '   ', '\n\t'])('refuses an empty input %j', (value) => {
    expect(parse({ action: 'execute', user_input: value })).toMatchObject({ ok: false, problem: { message: 'Empty user_input' } });
  });

  it('refuses other inputs', () => {
    expect(parse({ action: 'execute', user_input: 5 })).toMatchObject({ ok: false, problem: { field: 'user_input' } });
    expect(parse({ action: 'execute', user_input: 'ä'.repeat(51) })).toMatchObject({ ok: false, problem: { field: 'user_input' } });
    expect(parse({ action: 'execute', user_input: 'ä'.repeat(50) })).toMatchObject({ ok: true });
    expect(parse({ action: 'execute', user_input: 'x', idempotency_key: 'a b' })).toMatchObject({ ok: false, problem: { field: 'idempotency_key' } });
    expect(parse({ action: 'execute', user_input: 'x', limits: { max_cost_usd: '1' } })).toMatchObject({ ok: false, problem: { field: 'limits.max_cost_usd' } });
  });

  it.each(['__proto__', 'constructor', 'toString', '', 'EXECUTE'])('does not know the action %j', (action) => {
    expect(parse({ action })).toEqual({ ok: false, problem: { message: `Unknown action: ${action}`, field: 'action' } });
  });

  it('cuts an unknown action to 64 characters', () => {
    expect(parse({ action: '🌍'.repeat(100) })).toMatchObject({ problem: { message: `Unknown action: ${'🌍'.repeat(64)}` } });
  });

  it.each([null, [], 'x', 5])('refuses %j, which is no object', (frame) => {
    expect(parse(frame)).toMatchObject({ ok: false, problem: { message: 'Invalid JSON' } });
  });

  it('takes a resume, and only whole positions', () => {
    expect(parse({ action: 'resume', after_seq: 3, ack: true })).toEqual({ ok: true, message: { action: 'resume', afterSeq: 3, ack: true } });
    for (const after_seq of [undefined, null, -1, 1.5, '3', true]) expect(parse({ action: 'resume', after_seq })).toMatchObject({ ok: false, problem: { field: 'after_seq' } });
  });
});

describe('parseSessionCreate', () => {
  it('takes an empty body', () => {
    expect(parseSessionCreate({})).toMatchObject({ ok: true, value: { userId: undefined, engine: undefined } });
  });

  it('knows runtime as the older name of engine', () => {
    expect(parseSessionCreate({ runtime: 'remote' })).toMatchObject({ ok: true, value: { engine: 'remote' } });
    expect(parseSessionCreate({ runtime: 'remote', engine: 'local' })).toMatchObject({ ok: false, problems: [{ field: 'runtime' }] });
  });

  it.each<[string, Parameters<typeof parseSessionCreate>[0]]>([
    ['user_id', { user_id: 5 }],
    ['user_id', { user_id: '' }],
    ['user_id', { user_id: 'a\u0000b' }],
    ['user_id', { user_id: 'x'.repeat(257) }],
    ['session_id', { session_id: '../x' }],
    ['workspace_dir', { workspace_dir: 'a\u0000' }],
    ['metadata', { metadata: [] }],
    ['metadata', { metadata: { x: 'y'.repeat(17_000) } }],
    ['engine', { engine: 'Local' }],
    ['vps_agent', { engine: 'vps' }],
    ['limits', { limits: 5 }],
    ['limits.max_seconds', { limits: { max_seconds: 0 } }],
    ['tool_policy', { tool_policy: { default: 'maybe' } }],
  ])('refuses a wrong %s', (field, body) => {
    expect(parseSessionCreate(body)).toMatchObject({ ok: false, problems: [{ field }] });
  });

  it('refuses metadata that is nested too deep', () => {
    let deep: Parameters<typeof parseSessionCreate>[0] = {};
    for (let i = 0; i < 20; i++) deep = { deep };
    expect(parseSessionCreate({ metadata: deep })).toMatchObject({ ok: false, problems: [{ field: 'metadata' }] });
  });
});
