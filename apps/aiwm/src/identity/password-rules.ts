const MIN_BYTES = 8;

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
    '1qazxsw2 2wsx1qaz 12345678 123456789 1234567890 123123123 87654321 987654321 9876543210 0987654321 11223344 1122334455 13579246 147258369 123654789 102030405060 ' +
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

/** `passwordpassword` is `password`. */
function withoutRepetition(text: string): string {
  for (let length = 1; length <= text.length / 2; length++) {
    if (text.length % length === 0 && text.slice(0, length).repeat(text.length / length) === text) return text.slice(0, length);
  }
  return text;
}

/** How a character follows the one before: `same`, one `up` or `down` (9 goes on with 0), or undefined. */
function stepOf(before: string | undefined, character: string): 'same' | 'up' | 'down' | undefined {
  if (before === undefined) return undefined;
  if (before === character) return 'same';
  if (`${before}${character}` === '90') return 'up';
  if (`${before}${character}` === '09') return 'down';
  const distance = (character.codePointAt(0) ?? 0) - (before.codePointAt(0) ?? 0);
  return distance === 1 ? 'up' : distance === -1 ? 'down' : undefined;
}

/** What is left when every run of one character, and of characters that follow each other, counts as its first one. */
function withoutRuns(text: string): string {
  const characters = Array.from(text);
  const steps = characters.map((character, index) => stepOf(characters[index - 1], character));
  return characters.filter((_character, index) => {
    const step = steps[index];
    // two letters in their order are no run yet: `hi`, `no`
    const isRun = step === 'same' || (step !== undefined && (steps[index - 1] === step || steps[index + 1] === step));
    return !isRun;
  }).join('');
}

/**
 * Why a password is refused, continuing the field's name; undefined when it is fine. 8 to 72 bytes: bcrypt ignores the rest.
 * What is as easy to guess with it as without does not count towards the 8: blanks, repetitions, sequences.
 */
export function passwordProblem(password: string, username: string): string | undefined {
  const bytes = Buffer.byteLength(password);
  if (bytes < MIN_BYTES || bytes > 72) return 'must have 8 to 72 bytes';
  const plain = password.toLowerCase().replace(/\s+/gu, '');
  const once = withoutRepetition(plain);
  const unsigned = once.replace(/[^\p{L}\d]+$/u, '');
  if (COMMON.has(unsigned) || [once, ...coresOf(once)].some((core) => COMMON_CORES.has(core))) {
    return 'is one of the most common passwords; choose another one';
  }
  if (Buffer.byteLength(withoutRuns(once)) < MIN_BYTES) return `must have ${MIN_BYTES} bytes without blanks, repetitions and sequences such as 1234`;
  if (plain === username.toLowerCase()) return 'must not be the username';
  return undefined;
}
