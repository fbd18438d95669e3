import { unshifted, withoutRepetition, withoutRuns } from './password-sequences';

const MIN_BYTES = 8;
/** Of three and more common words there are many orders. */
const MAX_COMMON_WORDS = 2;

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

const isLetter = (character: string) => /\p{L}/u.test(character);

/** True when nothing but some digits and signs stands beside one or two common words, however often: `password1password`. */
function isMadeOfCommonWords(plain: string): boolean {
  const characters = Array.from(plain);
  const letters = characters.map((character) => LOOKALIKES[character] ?? character).join('');
  if (letters.length !== characters.length) return false; // characters of two units: none of the words has any
  if (countedBytes(plain.replace(/\p{L}+/gu, '')) >= MIN_BYTES) return false;
  // sets of words, by the place that they lead to: the number of ways to get there does not matter
  const reached = Array.from({ length: letters.length + 1 }, () => new Set<string>());
  reached[0]?.add('');
  for (const [at, character] of characters.entries()) {
    const words = [...COMMON_CORES].filter((word) => letters.startsWith(word, at));
    for (const before of reached[at] ?? []) {
      if (!isLetter(character)) reached[at + 1]?.add(before);
      for (const word of words) {
        const used = [...new Set([...before.split(' ').filter((one) => one !== ''), word])].sort();
        if (used.length <= MAX_COMMON_WORDS) reached[at + word.length]?.add(used.join(' '));
      }
    }
  }
  return [...(reached[letters.length] ?? [])].some((used) => used !== '');
}

const countedBytes = (text: string) => Buffer.byteLength(withoutRuns(text));

/** Of `kitty1kitty2`: once `kitty`, and what stands between. */
function bytesOf(once: string): number {
  const letters = once.replace(/[^\p{L}]+/gu, '');
  const repeated = withoutRepetition(letters);
  const whole = countedBytes(once);
  return repeated === letters ? whole : Math.min(whole, countedBytes(repeated) + countedBytes(once.replace(/\p{L}+/gu, '')));
}

/**
 * Why a password is refused, continuing the field's name; undefined when it is fine. 8 to 72 bytes: bcrypt ignores the rest.
 * What is as easy to guess with it as without does not count towards the 8: blanks, repetitions, sequences, rows of keys.
 */
export function passwordProblem(password: string, username: string): string | undefined {
  const bytes = Buffer.byteLength(password);
  if (bytes < MIN_BYTES || bytes > 72) return 'must have 8 to 72 bytes';
  const typed = password.replace(/\s+/gu, '');
  const plain = typed.toLowerCase();
  const once = withoutRepetition(plain);
  const unsigned = once.replace(/[^\p{L}\d]+$/u, '');
  const isCommon = [unsigned, withoutRepetition(unshifted(typed))].some((text) => COMMON.has(text) || COMMON_CORES.has(text));
  if (isCommon || coresOf(once).some((core) => COMMON_CORES.has(core)) || isMadeOfCommonWords(plain)) return 'is one of the most common passwords; choose another one';
  if (bytesOf(once) < MIN_BYTES || bytesOf(withoutRepetition(typed)) < MIN_BYTES) {
    return `must have ${MIN_BYTES} bytes without blanks, repetitions, sequences and rows of keys such as 1234 and qwer`;
  }
  if (plain === username.toLowerCase()) return 'must not be the username';
  return undefined;
}
