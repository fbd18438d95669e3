import { NO_DIRECTIVES, parseDirectives } from './directives';

describe('parseDirectives', () => {
  it('reads every directive of a block', () => {
    const args = Buffer.from('{"path":"src"}').toString('base64url');
    const text = `go [[steps=3 delay_ms=20 chunks=2 chunk_ms=5 say=READY fail=503 failat=2 tool=ListDir parallel=4 args=${args}]]`;
    expect(parseDirectives(text)).toEqual({
      steps: 3,
      delayMs: 20,
      chunks: 2,
      chunkMs: 5,
      say: 'READY',
      fail: 503,
      failAt: 2,
      tool: 'ListDir',
      parallel: 4,
      args: '{"path":"src"}',
    });
  });

  it('takes the last block', () => {
    expect(parseDirectives('[[steps=1]] and [[say=B]]')).toEqual({ ...NO_DIRECTIVES, say: 'B' });
  });

  it.each(['no block', '[[]]', '[[hello]]', '[[colour=red]]', '[steps=3]'])('finds no directive in %s', (text) => {
    expect(parseDirectives(text)).toBeNull();
  });

  it('counts bad numbers as the default and caps times', () => {
    expect(parseDirectives('[[steps=x delay_ms=9999999999 chunks=0 chunk_ms=-1 fail=200 failat=1.5 parallel=17]]')).toEqual({
      ...NO_DIRECTIVES,
      delayMs: 600_000,
    });
  });
});
