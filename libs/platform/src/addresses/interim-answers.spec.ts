import { InterimAnswers } from './interim-answers';

/** What arrives after a request, whatever way its bytes are cut. */
function received(text: string): string {
  const ways = [1, 2, 3, 7, text.length].map((size) => {
    const answers = new InterimAnswers();
    answers.requested();
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) answers.mend(bytes.subarray(at, at + size));
    return bytes.toString();
  });
  expect(new Set(ways).size).toBe(1);
  return ways[0] ?? '';
}

const FINAL = 'HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n';

it.each([
  ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 102 Continue\r\n\r\n'],
  ['HTTP/1.1 100\r\nX: y\r\n\r\n', 'HTTP/1.1 102\r\nX: y\r\n\r\n'],
  ['HTTP/1.0 100 Continue\n\n', 'HTTP/1.0 102 Continue\n\n'],
  ['HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Continue\r\n\r\n'],
  ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(3), 'HTTP/1.1 102 Continue\r\n\r\n'.repeat(3)],
  ['', ''],
])('%j before the answer is skipped by every client, and the answer stays as it is', (before, after) => {
  expect(received(before + FINAL)).toBe(after + FINAL);
});

it.each(['220 mail.example ESMTP 100\r\n', 'HTTP/2 100 x\r\n\r\n', 'HTTP/1.1 404 100\r\n\r\n'])('%j stays as it is', (text) => expect(received(text)).toBe(text));
