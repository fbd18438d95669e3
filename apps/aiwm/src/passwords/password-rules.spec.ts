import { processorTimeGrowth } from '@agentfleet/testing';
import { passwordProblem } from './password-rules';

const problem = (password: string) => passwordProblem(password, 'ann@example.org');

test.each(['correct horse battery', 'a quiet long password', 'Tr0ub4dor&3', 'xK9#mPq2', 'bookkeeper99', 'hijack-no-more', 'пароль-на-лето', '早上好世界你们', 'administrators of nothing', 'hello from the other side', 'password manager of ann', 'deserted42', 'were-trees-new', 'hello summer dragon tree', '8362password9471', 'kq7Wmz0p', 'straightforward', 'Power&Answer5'])(
  '%j is fine',
  (password) => expect(problem(password)).toBeUndefined(),
);

test.each([
  ['        ', '\t\t\t\t\t\t\t\t', 'aaaaaaaa', 'abababab', '12341234', 'a a a a a a', '\u00a0'.repeat(8), 'AaAaAaAa', 'éééééééé'],
  ['kqzwm   ', 'aaaaabcde', '12345678901', '1234567a', '98765432100', 'abcdefghij', '12345678', '87654321', '1234567890!', 'xk9xk9xk9xk9'],
  ['1qaz@WSX', '!QAZ2wsx', '1QAZxsw@', 'zaq1ZAQ!', '!Q@W#E$R', '1q2w3e4r5t6y7u', 'mnbvcxz<', ';lkjhgfdsa', 'poiuytrewq', 'QWER!@#$', 'rfvTGBtgb', '2wsx#EDC4rfv', 'yxcvbnm,.-', 'azertyuiop^', '1qay2wsx', 'kitty1kitty2', 'xkq-xkq-xkq', 'Kqz!kqz?kqz'],
].flat())('blanks, repetitions and sequences do not count: %j', (password) => expect(problem(password)).toMatch(/^must have 8 bytes without blanks|^is one of the most common/));

test.each([
  ['password', 'Password1', 'P@ssw0rd2024!', 'pass word 123', 'qwerty1234', 'QWERTYUIOP', 'admin12345', 'Welcome2024', '1q2w3e4r', 'letmein!!', 'trustno1!', 'changeme1', 'hunter2222', 'iloveyou', 'sunshine99'],
  ['passwordpassword', 'qwertyqwerty', 'adminadmin', '1qazxsw2'],
  ['password1password', 'Passw0rd-p4ssword', 'admin1password', 'welcome!2024!admin', '1password1', '2024summer', 'qwerty.qwerty.1', 'test1test2test3', '!password!', '1qaz2wsx'],
].flat())('%j is common', (password) => expect(problem(password)).toMatch(/^is one of the most common/));

test('too short, too long, the username', () => {
  expect([problem('aB3$xyz'), problem('ä'.repeat(37)), problem('Ann@Example.org')]).toEqual(['must have 8 to 72 bytes', 'must have 8 to 72 bytes', 'must not be the username']);
});

test('a password that can be read in many ways costs no more for it', async () => {
  for (const part of ['7357', 'abc', 'testpass']) {
    const work = async (parts: number) => problem(`${part.repeat(parts)}~x`);
    expect(await processorTimeGrowth({ from: 4, to: 8, noiseMs: 10, work })).toBe('in proportion');
    expect(await processorTimeGrowth({ from: 8, to: 16, noiseMs: 10, work })).toBe('in proportion');
  }
});
