/** Blanks aside. `abcabcabc` has three. */
const MIN_DIFFERENT_CHARACTERS = 5;

/** What guessing programs try first, without the digits and signs that people append; see `coresOf`. */
const COMMON_CORES = new Set(
  (
    'password passw passwd pass passwort contrasena motdepasse senha parola qwerty qwertyu qwertyui qwertyuio qwertyuiop qwertz qwertzui qwertzuiop azerty azertyuiop ' +
    'asdf asdfg asdfgh asdfghj asdfghjk asdfghjkl zxcvbn zxcvbnm yxcvbnm qazwsx qazwsxedc qweasd qweasdzxc qweasdyxc abc abcd abcde abcdef abcdefg abcdefgh abcdefghi ' +
    'admin administrator root user guest test testing tester demo login welcome changeme changeit letmein default secret master access superuser manager ' +
    'iloveyou sunshine princess football baseball basketball superman batman dragon monkey michael jennifer charlie jordan hunter shadow trustno trustnoi starwars ' +
    'computer internet whatever freedom pokemon killer hello helloworld summer winter spring autumn january february october november december monday friday ' +
    'google facebook samsung liverpool chelsea arsenal barcelona maverick mustang mercedes ferrari jessica michelle ashley daniel andrew thomas robert agentfleet aiwm'
  ).split(' '),
);

const COMMON = new Set(
  (
    '12345678 123456789 1234567890 123123123 87654321 987654321 9876543210 0987654321 11223344 1122334455 13579246 147258369 123654789 102030405060 ' +
    '1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz2wsx3edc q1w2e3r4 q1w2e3r4t5 zaq12wsx a1b2c3d4 1a2b3c4d 1password 123qweasd 123qweasdzxc 12qwaszx 1234qwer 123qwe123 qwe123qwe admin123admin pass1234word'
  ).split(' '),
);

const LOOKALIKES: Readonly<Record<string, string>> = { '@': 'a', '4': 'a', '3': 'e', '1': 'i', '!': 'i', '0': 'o', $: 's', '5': 's', '7': 't' };

/** `P@ssw0rd 2024!` is `password`: blanks, what is appended, capitals and digits for letters are what guessing programs try too. */
function coresOf(plain: string): readonly string[] {
  const letters = (text: string) => Array.from(text, (character) => LOOKALIKES[character] ?? character).join('');
  const withoutEnd = plain.replace(/[^\p{L}]+$/u, '');
  return [withoutEnd, letters(withoutEnd), letters(plain)];
}

/** The digits or letters of a row of keys, or of the alphabet, one after another. */
function isSequence(plain: string): boolean {
  const codes = Array.from(plain, (character) => character.codePointAt(0) ?? 0);
  const step = (codes[1] ?? 0) - (codes[0] ?? 0);
  return Math.abs(step) <= 1 && codes.every((code, index) => index === 0 || code - (codes[index - 1] ?? 0) === step);
}

/**
 * Why a password is refused, continuing the field's name; undefined when it is fine. 8 to 72 bytes: bcrypt ignores the rest.
 * Blanks and repeated characters do not make one harder to guess.
 */
export function passwordProblem(password: string, username: string): string | undefined {
  const bytes = Buffer.byteLength(password);
  if (bytes < 8 || bytes > 72) return 'must have 8 to 72 bytes';
  const plain = password.toLowerCase().replace(/\s+/gu, '');
  if (new Set(plain).size < MIN_DIFFERENT_CHARACTERS) return `must have at least ${MIN_DIFFERENT_CHARACTERS} different characters; blanks do not count`;
  const unsigned = plain.replace(/[^\p{L}\d]+$/u, '');
  if (COMMON.has(unsigned) || isSequence(unsigned) || coresOf(plain).some((core) => COMMON_CORES.has(core))) {
    return 'is one of the most common passwords; choose another one';
  }
  if (plain === username.toLowerCase()) return 'must not be the username';
  return undefined;
}
