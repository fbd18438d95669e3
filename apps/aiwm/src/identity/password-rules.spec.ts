import { passwordProblem } from './password-rules';

const problem = (password: string) => passwordProblem(password, 'ann@example.org');

test.each(['correct horse battery', 'a quiet long password', 'Tr0ub4dor&3', 'xK9#mPq2', 'bookkeeper99', 'hijack-no-more', 'пароль-на-лето', '早上好世界你们', 'administrators of nothing', 'hello from the other side', 'password manager of ann'])(
  '%j is fine',
  (password) => expect(problem(password)).toBeUndefined(),
);

test.each([
  ['        ', '\t\t\t\t\t\t\t\t', 'aaaaaaaa', 'abababab', '12341234', 'a a a a a a', '\u00a0'.repeat(8), 'AaAaAaAa', 'éééééééé'],
  ['kqzwm   ', 'aaaaabcde', '12345678901', '1234567a', '98765432100', 'abcdefghij', '12345678', '87654321', '1234567890!', 'xk9xk9xk9xk9'],
].flat())('blanks, repetitions and sequences do not count: %j', (password) => expect(problem(password)).toMatch(/^must have 8 bytes without blanks|^is one of the most common/));

test.each([
  ['password', 'Password1', 'P@ssw0rd2024!', 'pass word 123', 'qwerty1234', 'QWERTYUIOP', 'admin12345', 'Welcome2024', '1q2w3e4r', 'letmein!!', 'trustno1!', 'changeme1', 'hunter2222', 'iloveyou', 'sunshine99'],
  ['passwordpassword', 'qwertyqwerty', 'adminadmin', '1qazxsw2'],
].flat())('%j is common', (password) => expect(problem(password)).toMatch(/^is one of the most common/));

test('too short, too long, the username', () => {
  expect([problem('aB3$xyz'), problem('ä'.repeat(37)), problem('Ann@Example.org')]).toEqual(['must have 8 to 72 bytes', 'must have 8 to 72 bytes', 'must not be the username']);
});
