import { gzipSync } from 'node:zlib';

/** What a provider really sends for one request. */
export interface ProviderShape {
  readonly name: string;
  /** Bodies for the first requests of a run; the last one again and again. */
  readonly bodies: readonly (string | Buffer)[];
  readonly headers?: Readonly<Record<string, string>>;
  /** How the run ends, and with which text. */
  readonly reason: 'stop' | 'length' | 'error';
  readonly output?: string | null;
  /** The code of an error. */
  readonly code?: string;
}

export const line = (chunk: unknown): string => `data: ${JSON.stringify(chunk)}\n\n`;
export const piece = (delta: unknown, finish: unknown = null, more: object = {}): object => ({ id: 'x', choices: [{ index: 0, delta, finish_reason: finish }], ...more });
const text = (content: unknown, more: object = {}): string => line(piece({ content }, null, more));
const STOP = line(piece({}, 'stop'));
const DONE = 'data: [DONE]\n\n';
const HI = text('H') + text('i');
const ok = (name: string, body: string | Buffer, more: Partial<ProviderShape> = {}): ProviderShape => ({ name, bodies: [body], reason: 'stop', output: 'Hi', ...more });
const bad = (name: string, body: string, code = 'model_bad_answer'): ProviderShape => ({ name, bodies: [body], reason: 'error', output: null, code });

const fn = (name: unknown, args: unknown) => ({ function: { name, arguments: args } });
const calls = (...pieces: object[]) => pieces.map((one) => line(piece({ tool_calls: [one] }))).join('') + line(piece({}, 'tool_calls')) + DONE;
/** One round, whatever its pieces look like, then an answer. */
const round = (name: string, body: string): ProviderShape => ({ name, bodies: [body, HI + STOP + DONE], reason: 'stop', output: 'Hi' });
const PATH = '{"path":"."}';

/** Streams as they come from real endpoints and the proxies before them. */
export const STREAM_SHAPES: readonly ProviderShape[] = [
  ok('empty data lines before and within', `data:\n\ndata: \n\n${text('H')}data:\n\n${text('i')}${STOP}${DONE}`),
  ok('data: null', `data: null\n\n${HI}data: null\n\n${STOP}${DONE}`),
  ok('comments, ids, event and retry lines', `: ping\n\nretry: 5\nevent: message\nid: 1\n${text('Hi')}: ping\n\nevent: ping\ndata: ping\n\n${STOP}${DONE}`),
  ok('CR LF', (HI + STOP + DONE).replace(/\n/g, '\r\n')),
  ok('CR', (HI + STOP + DONE).replace(/\n/g, '\r')),
  ok('a byte-order mark', `\ufeff${HI}${STOP}${DONE}`),
  ok('no blank behind data:', (HI + STOP + DONE).replace(/data: /g, 'data:')),
  ok('no empty line between events', (HI + STOP + DONE).replace(/\n\n/g, '\n')),
  ok('JSON over several data lines', `data: {"choices":[{"delta":\ndata: {"content":"Hi"}}]}\n\n${STOP}${DONE}`),
  ok('[DONE] with a blank behind it', `${HI}${STOP}data: [DONE] \n\n`),
  ok('no [DONE]', HI + STOP),
  ok('no line end at the end', `${HI}${STOP.trimEnd()}`),
  ok('choices null beside usage', `${HI}${STOP}${line({ choices: null, usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } })}${DONE}`),
  ok('usage without choices', `${HI}${STOP}${line({ usage: { prompt_tokens: '3', completion_tokens: '2' } })}${DONE}`),
  ok('empty choices, null choice, foreign choice', `${line({ choices: [] })}${line({ choices: [null] })}${line({ choices: [{ index: 1, delta: { content: 'no' } }] })}${HI}${STOP}${DONE}`),
  ok('error null in every chunk', text('Hi', { error: null }) + line(piece({}, 'stop', { error: null })) + DONE),
  ok('error empty in every chunk', text('Hi', { error: '' }) + line(piece({}, 'stop', { error: {} })) + DONE),
  ok('delta null or missing', `${line(piece(null))}${line({ choices: [{ index: '0', finish_reason: null }] })}${HI}${line(piece(null, 'stop'))}${DONE}`),
  ok('content null, tool_calls null, role odd', `${line(piece({ role: 'model', content: null, tool_calls: null, function_call: null }))}${HI}${STOP}${DONE}`),
  ok('content as parts', text([{ type: 'text', text: 'H' }, { type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] }]) + text(['i']) + STOP + DONE),
  ok('usage null, partial, odd', `${text('Hi', { usage: null })}${line(piece({}, 'stop', { usage: { completion_tokens: 2, prompt_tokens: -1, total_tokens: 'x' } }))}${DONE}`),
  ok('an unknown finish reason', `${HI}${line(piece({}, 'because'))}${DONE}`),
  ok('finish reason in capitals', `${HI}${line(piece({}, 'STOP'))}${DONE}`),
  ok('text beside the finish reason and after it', text('H') + line(piece({ content: '' }, 'stop')) + text('i') + DONE),
  ok('a chunk that says neither id nor model, created as text', `${line({ created: 'now', model: 5, choices: [{ delta: { content: 'Hi' } }] })}${STOP}${DONE}`),
  ok('JSON instead of a stream', JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1 } }), {
    headers: { 'content-type': 'application/json' },
  }),
  ok('one JSON object a line', `${JSON.stringify(piece({ content: 'Hi' }))}\n${JSON.stringify(piece({}, 'stop'))}\n`),
  ok('gzip', gzipSync(HI + STOP + DONE), { headers: { 'content-encoding': 'gzip' } }),
  ok('a character whose halves come in two deltas', `${text('\ud83d')}${text('\ude00!')}${STOP}${DONE}`, { output: '😀!' }),
  ok('halves that nothing belongs to', `${text('a\ud83d')}${text('b\ude00')}${text('c\ud83d')}${STOP}${DONE}`, { output: 'a\ufffdb\ufffdc\ufffd' }),
  ok('halves within thoughts', `${line(piece({ reasoning_content: '\ud83d' }))}${line(piece({ reasoning_content: '\ude00' }))}${line(piece({ reasoning_content: '\ud83d' }))}${HI}${STOP}${DONE}`),
  ok('thoughts under two names', `${line(piece({ reasoning: 'Hm', reasoning_content: 'Hm', reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }] }))}${HI}${STOP}${DONE}`),
  ok('an empty call in every chunk', `${line(piece({ content: 'Hi', tool_calls: [{ index: 0, id: '', type: '', function: { name: '', arguments: '' } }] }))}${STOP}${DONE}`),
  { name: 'blanks cut by length', bodies: [`${text('\n\n')}${line(piece({}, 'length'))}${DONE}`], reason: 'length', output: '\n\n' },
  bad('an empty finish reason in every chunk and then the end', `${line(piece({ content: 'Hi' }, ''))}${line(piece({}, ''))}${DONE}`),
  bad('the end without a finish reason', HI + DONE),
  bad('cut within a chunk', `${HI}data: {"choices":[{"del`),
  bad('an error in the middle', `${HI}${line({ error: { message: 'overloaded' } })}${DONE}`),
  bad('an error beside choices', `${HI}${line(piece({}, 'stop', { error: { message: 'overloaded' } }))}${DONE}`),
  bad('an error as text', `${HI}${line({ error: 'overloaded' })}${STOP}${DONE}`),
  bad('an error event', `${HI}event: error\n${line({ message: 'overloaded' })}${STOP}${DONE}`),
  bad('an error event in plain words', `${HI}event: error\ndata: overloaded\n\n${STOP}${DONE}`),
  bad('an error within a choice', `${HI}${line({ choices: [{ delta: {}, error: { message: 'overloaded' }, finish_reason: 'error' }] })}${DONE}`),
  bad('an error object of another kind', `${HI}${line({ object: 'error', message: 'overloaded' })}${DONE}`),
  bad('a JSON error with status 200', JSON.stringify({ error: { message: 'overloaded' } })),
  bad('a list with an error', JSON.stringify([{ error: { message: 'overloaded' } }])),
  bad('a web page', '<!doctype html><h1>Welcome</h1>'),
  bad('nothing at all', ''),
  bad('the finish reason of a filter', `${HI}${line(piece({}, 'SAFETY'))}${DONE}`),
  bad('an interrupted answer that says so', `${HI}${line(piece({}, 'insufficient_system_resource'))}${DONE}`),
];

/** One call of ListDir on ".", in the shapes that providers give it. */
export const CALL_SHAPES: readonly ProviderShape[] = [
  round('as it should be', calls({ index: 0, id: 'c1', type: 'function', ...fn('ListDir', '') }, { index: 0, ...fn(undefined, '{"path":') }, { index: 0, ...fn(undefined, '"."}') })),
  round('arguments as an object', calls({ index: 0, id: 'c1', ...fn('ListDir', { path: '.' }) })),
  round('arguments null, then text', calls({ index: 0, id: 'c1', ...fn('ListDir', null) }, { index: 0, ...fn(null, PATH) })),
  round('arguments as a text within a text', calls({ index: 0, id: 'c1', ...fn('ListDir', JSON.stringify(PATH)) })),
  round('no index', calls({ id: 'c1', ...fn('ListDir', '{"path":') }, fn(null, '"."}'))),
  round('index as text', calls({ index: '0', id: 'c1', ...fn('ListDir', '{"path":') }, { index: '0', ...fn('', '"."}') })),
  round('id and name in every piece', calls({ index: 0, id: 'c1', ...fn('ListDir', '{"path":') }, { index: 0, id: 'c1', ...fn('ListDir', '"."}') }, { index: 0, id: 'c1', ...fn('ListDir', '') })),
  round('a new id for every piece', calls({ index: 0, id: 'c1', ...fn('ListDir', '{"path":') }, { index: 0, id: 'c2', ...fn(null, '"."}') })),
  round('id and name empty in later pieces', calls({ index: 0, id: 'c1', ...fn('ListDir', '{"path":') }, { index: 0, id: '', ...fn('', '"."}') })),
  round('an empty object before the arguments', calls({ index: 0, id: 'c1', ...fn('ListDir', '{}') }, { index: 0, ...fn(null, '{"path":') }, { index: 0, ...fn(null, '"."}') })),
  round('an empty object behind the arguments', calls({ index: 0, id: 'c1', ...fn('ListDir', PATH) }, { index: 0, ...fn(null, {}) })),
  round('an empty call beside it', calls({ index: 0, id: 'c1', ...fn('ListDir', PATH) }, { index: 1, id: '', ...fn('', '') })),
  round('function null first', calls({ index: 0, id: 'c1', function: null }, { index: 0, ...fn('ListDir', PATH) })),
  round('no id', calls({ index: 0, ...fn('ListDir', PATH) })),
  round('the whole again at the end', calls({ index: 0, id: 'c1', ...fn('ListDir', PATH) }, { index: 0, id: 'c1', ...fn('ListDir', PATH) })),
  round('finish reason stop', line(piece({ tool_calls: [{ index: 0, id: 'c1', ...fn('ListDir', PATH) }] }, 'stop')) + DONE),
  round('the legacy function_call', line(piece({ function_call: { name: 'ListDir', arguments: '{"path":' } })) + line(piece({ function_call: { arguments: '"."}' } })) + line(piece({}, 'function_call')) + DONE),
  round('blank text before it', text('\n\n') + calls({ index: 0, id: 'c1', ...fn('ListDir', PATH) })),
  round('JSON instead of a stream', JSON.stringify({ choices: [{ message: { content: null, tool_calls: [{ id: 'c1', type: 'function', ...fn('ListDir', PATH) }] }, finish_reason: 'tool_calls' }] })),
];

/** Calls that cannot be carried out as they are; the run goes on all the same. */
export const WRONG_CALL_SHAPES: readonly ProviderShape[] = [
  round('arguments as a list', calls({ index: 0, id: 'c1', ...fn('ListDir', ['.']) })),
  round('no name', calls({ index: 0, id: 'c1', ...fn('', PATH) })),
  round('arguments cut off', calls({ index: 0, id: 'c1', ...fn('ListDir', '{"path') })),
  round('half a character in the arguments', calls({ index: 0, id: 'c1', ...fn('ListDir', '{"path":"\\ud83d","\ude00":1}') })),
  round('halves of a character in two pieces of the arguments', calls({ index: 0, id: 'c1', ...fn('ListDir', '{"path":"\ud83d') }, { index: 0, ...fn(null, '\ude00"}') })),
  round('half a character in name and id', calls({ index: 0, id: 'c\ud83d', ...fn('List\ud83d', PATH) })),
  round('a name of 300 emoji', calls({ index: 0, id: 'c1', ...fn('😀'.repeat(300), PATH) })),
];
