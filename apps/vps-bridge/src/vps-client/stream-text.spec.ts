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
    pieces.push(...reader.finish());
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

const ERROR: StreamPiece = { kind: 'error' };
const DONE = 'data: [DONE]\n\n';

it.each<[string, 'messages' | 'openai', string]>([
  ['an object', 'messages', 'data: {"error":{"message":"overloaded"}}\n\n'],
  ['a string', 'messages', 'data: {"error":"overloaded"}\n\n'],
  ['a flag', 'openai', 'data: {"error":true,"message":"overloaded"}\n\n'],
  ['an error beside content', 'messages', 'data: {"content":"b","error":{"code":5}}\n\n'],
  ['an error beside choices', 'openai', 'data: {"choices":[{"delta":{"content":""}}],"error":{"code":502}}\n\n'],
  ['an error in a choice', 'openai', 'data: {"choices":[{"delta":{"content":""},"error":{"code":502}}]}\n\n'],
  ['a choice that ended with one', 'openai', 'data: {"choices":[{"delta":{"content":""},"finish_reason":"error"}]}\n\n'],
  ['a type', 'messages', 'data: {"type":"error","error":null}\n\n'],
  ['a type of the other dialect', 'openai', 'data: {"type":"error"}\n\n'],
  ['an object called so', 'openai', 'data: {"object":"error","message":"boom","code":400}\n\n'],
  ['an object called so, in plain lines', 'messages', 'data: {"object":"error","message":"boom"}\n\n'],
  ['a detail', 'messages', 'data: {"detail":"boom"}\n\n'],
  ['a message with a code', 'messages', 'data: {"message":"boom","code":500}\n\n'],
  ['a message with a code as words', 'openai', 'data: {"code":"Throttling","message":"boom"}\n\n'],
  ['a status of the body', 'openai', 'data: {"choices":null,"base_resp":{"status_code":1002,"status_msg":"boom"}}\n\n'],
  ['a list', 'openai', 'data: [{"error":{"code":400,"message":"boom"}}]\n\n'],
  ['the reason of its end', 'openai', 'data: {"choices":[{"delta":{},"finish_reason":"network_error"}]}\n\n'],
  ['the reason of its end beside text', 'openai', 'data: {"choices":[{"delta":{"content":"b"},"finish_reason":"insufficient_system_resource"}]}\n\n'],
  ['the reason of its end in the other dialect', 'messages', 'data: {"type":"message_delta","delta":{"stop_reason":"error"}}\n\n'],
  ['a plain line that names its end', 'messages', 'data: {"content":"b","finish_reason":"aborted"}\n\n'],
  ['an event', 'messages', 'event: error\ndata: {"message":"overloaded"}\n\n'],
  ['an event in capitals, with blanks', 'openai', 'event:\t ERROR  \ndata: overloaded\n\n'],
  ['an event without blank lines', 'messages', 'event:Error\ndata: {"content":"overloaded"}\n'],
])('an error that the agent tells of as %s ends the stream, whatever follows', (_name, api, event) => {
  const said = api === 'openai' ? 'data: {"choices":[{"delta":{"content":"a"}}],"error":null}\n\n' : 'data: {"content":"a","error":null}\n\n';
  expect(read(api, `${said}${event}${said}${DONE}`)).toEqual([text('a'), ERROR]);
});

it.each(['null', 'false', '""', '0', '{}', '[]'])('"error":%s in every chunk says that there is none', (none) => {
  expect(read('messages', `data: {"content":"a","error":${none}}\n\n${DONE}`)).toEqual([text('a'), END]);
  expect(read('openai', `data: {"choices":[{"delta":{"content":"a"},"error":${none}}],"error":${none}}\n\n${DONE}`)).toEqual([text('a'), END]);
});

it('takes no harm from a byte order mark, keep-alives of any form, and a last line without a break', () => {
  expect(read('messages', `\ufeffdata: {"content":"a"}\n\n${DONE}`)).toEqual([text('a'), END]);
  expect(read('messages', `\ufeffevent: error\n\n`)).toEqual([ERROR]);
  expect(read('openai', `data:\n\ndata: \n\ndata:  \t\n\ndata: null\n\ndata: {"choices":null}\n\ndata: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: [DONE] \n\n`)).toEqual([text('a'), END]);
  expect(read('messages', 'data: {"content":"a"}\n\ndata: [DONE]')).toEqual([text('a'), END]);
  expect(read('messages', 'data: {"content":"a"}\n\ndata: {"content":"b')).toEqual([text('a')]);
});

it('reads an event of a million lines in a time that grows with its size only', () => {
  const reader = new StreamText('messages');
  const startedAt = performance.now();
  expect(reader.push(Buffer.from(`${'data: [\n'.repeat(1_000_000)}\n`))).toEqual([{ kind: 'broken' }]);
  expect(performance.now() - startedAt).toBeLessThan(5000); // with the square it is hours
});
