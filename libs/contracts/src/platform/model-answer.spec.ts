import { answerErrorOf, finishWordOf } from './model-answer';
import { SurrogateJoiner } from './surrogate-joiner';

it.each<[object, string | number | null]>([
  [{ error: { message: 'boom', code: 502 } }, 502],
  [{ error: 'boom' }, null],
  [{ error: 5 }, 5],
  [{ error: true, message: 'boom' }, null],
  [{ error: [{ message: 'boom', code: 400 }] }, 400],
  [[{ error: { message: 'boom', code: 400 } }], 400],
  [{ choices: [{ delta: {}, error: { message: 'boom', code: 502 } }] }, 502],
  [{ choices: [{ delta: { content: 'a' } }], error: { code: 'overloaded' } }, 'overloaded'],
  [{ object: 'error', message: 'boom', code: 400 }, 400],
  [{ object: 'error', message: 'boom' }, null],
  [{ type: 'error', error: null }, null],
  [{ detail: 'boom' }, null],
  [{ detail: [{ msg: 'boom' }] }, null],
  [{ message: 'boom', code: 500 }, 500],
  [{ message: 'boom', code: '1302' }, '1302'],
  [{ code: 'InvalidParameter', message: 'boom', request_id: 'x' }, 'InvalidParameter'],
  [{ statusCode: 503, message: 'boom' }, 503],
  [{ status: 'error', message: 'boom' }, 'error'],
  [{ status: 429, msg: 'boom' }, 429],
  [{ success: false, message: 'boom' }, null],
  [{ success: false, errors: [{ code: 7003, message: 'boom' }] }, null],
  [{ error_code: 17, error_msg: 'boom' }, 17],
  [{ content: '', message: 'boom', code: 500 }, 500],
  [{ base_resp: { status_code: 1002, status_msg: 'boom' } }, 1002],
  [{ choices: [], base_resp: { status_code: '1002', status_msg: 'boom' } }, '1002'],
])('%j tells of an error', (answer, code) => expect(answerErrorOf(answer)).toMatchObject({ code, message: expect.any(String) }));

it.each<[unknown]>([
  [{}],
  [null],
  ['boom'],
  [[]],
  [{ error: null }],
  [{ error: {} }],
  [{ error: [] }],
  [{ error: 0 }],
  [{ error: { message: '', code: 0 } }],
  [{ choices: [{ delta: { content: 'a' }, error: null }], error: '' }],
  [{ choices: [], code: 500, message: 'a remark' }],
  [{ content: 'a', code: 500, message: 'a remark' }],
  [{ content: 'a', detail: 'a remark' }],
  [{ content: '', detail: null }],
  [{ message: 'an answer' }],
  [{ message: 'an answer', code: 0 }],
  [{ message: 'an answer', code: 200, status: 'ok', success: true }],
  [{ message: 'an answer', code: 'OK', detail: { took: 5 } }],
  [{ type: 'message_start', message: { content: [] } }],
  [{ status: 'processing' }],
  [{ message: 'in the queue', status: 102 }],
  [{ base_resp: { status_code: 0, status_msg: 'success' }, choices: null }],
])('%j tells of none', (answer) => expect(answerErrorOf(answer)).toBeNull());

it('takes whatever came as an error for one, and keeps its words within bounds', () => {
  expect(answerErrorOf({ message: 'an answer' }, true)?.message).toBe('an answer');
  expect(answerErrorOf('overloaded', true)?.message).toBe('overloaded');
  expect([answerErrorOf(null, true)?.message, answerErrorOf([], true)?.message]).toEqual(['null', '[]']);
  expect(answerErrorOf({ error: { message: 'x'.repeat(10_000) } })?.message).toHaveLength(4000);
});

it('takes no harm from depth', () => {
  const deep: unknown = JSON.parse('['.repeat(200_000) + ']'.repeat(200_000));
  for (const answer of [deep, { error: deep }, { error: { a: deep } }, { object: 'error', a: deep }]) expect(() => answerErrorOf(answer, true)).not.toThrow();
});

it.each<[unknown, string | null]>([
  ['stop', 'stop'],
  ['END_TURN', 'stop'],
  ['max tokens', 'length'],
  ['network_error', 'error'],
  ['Cancelled', 'error'],
  ['because', 'other'],
  ['constructor', 'other'],
  ['', null],
  ['null', null],
  [null, null],
  [5, null],
])('finish reason %j', (word, meaning) => expect(finishWordOf(word)).toBe(meaning));

it('joins the halves of a character, wherever a text is cut', () => {
  const joiner = new SurrogateJoiner();
  expect(['a\ud83d', '\ude00', 'b\ud83d', 'c\ude00', '\ud83d'].map((piece) => joiner.add(piece))).toEqual(['a', '😀', 'b', '\ufffdc\ufffd', '']);
  expect([joiner.end(), joiner.end()]).toEqual(['\ufffd', '']);
});
