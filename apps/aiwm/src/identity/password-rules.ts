/** Passwords that guessing programs try first. */
const COMMON = new Set(
  (
    'password password1 password12 password123 passw0rd p@ssword p@ssw0rd 12345678 123456789 1234567890 11111111 00000000 ' +
    'qwertyui qwerty123 qwertyuiop 1q2w3e4r 1qaz2wsx asdfghjk zxcvbnm1 abcd1234 abc12345 letmein1 iloveyou sunshine princess ' +
    'football baseball superman batman123 trustno1 welcome1 welcome123 admin123 administrator changeme changeme1 changeit ' +
    'secret123 default1 computer internet whatever starwars dragon123 monkey123 michael1 jennifer charlie1 hunter22'
  ).split(' '),
);

/** Why a password is refused, continuing the field's name; undefined when it is fine. 8 to 72 bytes: bcrypt ignores the rest. */
export function passwordProblem(password: string, username: string): string | undefined {
  const bytes = Buffer.byteLength(password);
  if (bytes < 8 || bytes > 72) return 'must have 8 to 72 bytes';
  if (COMMON.has(password.toLowerCase())) return 'is one of the most common passwords; choose another one';
  if (password.toLowerCase() === username.toLowerCase()) return 'must not be the username';
  return undefined;
}
