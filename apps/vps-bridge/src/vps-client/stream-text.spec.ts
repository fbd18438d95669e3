import { StreamText, type StreamPiece } from './stream-text';

const text = (value: string): StreamPiece => ({ kind: 'text', text: value });
const END: StreamPiece = { kind: 'end' };

/** The same pieces, whatever way the bytes are cut. */
function read(api: 'messages' | 'openai', stream: string | Buffer): readonly StreamPiece[] {
  const bytes = Buffer.from(stream);
  const ways = [1, 2, 3, 7, bytes.length].map((size) => {
    const reader = new StreamText(api);
    const pieces: StreamPiece[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(...reader.push(bytes.subarray(at, at + size)));
    return pieces;
  });
  for (const way of ways) expect(way).toEqual(ways[0]);
  return ways[0] ?? [];
}

it('reads block deltas up to message_stop', () => {
  const stream =
    'event: message_start\ndata: {"type":"message_start","message":{"content":"not this"}}\n\n: ping\n\n' +
    'event: content_block_delta\r\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"héllo"}}\r\n\r\n' +
    'data:{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}\n\n' +
    'data: {"type":"content_block_delta","delta":{"text":" 😀"}}\r\rdata: {"type":"message_stop"}\n\ndata: {"type":"content_block_delta","delta":{"text":"late"}}\n\n';
  expect(read('messages', stream)).toEqual([text('héllo'), text(' 😀'), END]);
});

it('reads plain lines up to [DONE], with and without blank lines', () => {
  expect(read('messages', 'data: {"content":"a"}\ndata: {"content":"b"}\n\ndata: {"content":""}\ndata: [DONE]\n')).toEqual([text('a'), text('b'), text(''), END]);
});

it('reads the other dialect', () => {
  const stream = 'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\ndata: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n';
  expect(read('openai', stream)).toEqual([text('a'), END]);
});

it('joins an event of several data lines, and refuses one that stays no JSON', () => {
  expect(read('messages', 'data: {"content":\ndata: "a"}\n\ndata: [DONE]\n\n')).toEqual([text('a'), END]);
  expect(read('messages', 'data: {"content":"a"}\n\ndata: <html>\n\n')).toEqual([text('a'), { kind: 'broken' }]);
  expect(read('messages', Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0x0a]))).toEqual([{ kind: 'broken' }]);
});

it('puts a cut pair of surrogates together', () => {
  expect(read('messages', 'data: {"content":"x\\ud83d"}\ndata: {"content":"\\ude00y"}\ndata: [DONE]\n')).toEqual([text('x'), text('😀y'), END]);
  expect(read('messages', 'data: {"content":"x\\ud83d"}\ndata: [DONE]\n')).toEqual([text('x'), text('\uFFFD'), END]);
});
