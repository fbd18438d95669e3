/** Rows of keys as they lie one below the other, each plain and with shift; the first key of a row is left of all others. */
const LAYOUTS = [
  ['1234567890-=', '!@#$%^&*()_+', 'qwertyuiop[]\\', 'QWERTYUIOP{}|', "asdfghjkl;'", 'ASDFGHJKL:"', 'zxcvbnm,./', 'ZXCVBNM<>?'],
  ['1234567890ß´', '!"§$%&/()=?`', 'qwertzuiopü+', 'QWERTZUIOPÜ*', 'asdfghjklöä#', "ASDFGHJKLÖÄ'", 'yxcvbnm,.-', 'YXCVBNM;:_'],
  ['&é"\'(-è_çà)=', '1234567890°+', 'azertyuiop^$', 'AZERTYUIOP¨£', 'qsdfghjklmù*', 'QSDFGHJKLM%µ', 'wxcvbn,;:!', 'WXCVBN?./§'],
] as const;

interface Key {
  readonly row: number;
  readonly column: number;
}

const KEYBOARDS: readonly ReadonlyMap<string, Key>[] = LAYOUTS.map(
  (rows) => new Map(rows.flatMap((keys, index) => Array.from(keys, (character, column): [string, Key] => [character, { row: Math.floor(index / 2), column }]))),
);

const UNSHIFTED: ReadonlyMap<string, string> = new Map(Array.from('!@#$%^&*()', (sign, index) => [sign, '1234567890'.charAt(index)]));

/** `1QAZ@wsx` is `1qaz2wsx`: what is typed with shift as what is typed without. */
export function unshifted(text: string): string {
  return Array.from(text.toLowerCase(), (character) => UNSHIFTED.get(character) ?? character).join('');
}

/** `passwordpassword` is `password`. */
export function withoutRepetition(text: string): string {
  for (let length = 1; length <= text.length / 2; length++) {
    if (text.length % length === 0 && text.slice(0, length).repeat(text.length / length) === text) return text.slice(0, length);
  }
  return text;
}

/** How a character follows the one before; undefined: in no way that goes on. */
type StepOf = (before: string, character: string) => string | undefined;

/** `same`, one `up` or `down` (9 goes on with 0). */
const alphabetStep: StepOf = (before, character) => {
  if (before === character) return 'same';
  if (`${before}${character}` === '90') return 'up';
  if (`${before}${character}` === '09') return 'down';
  const distance = (character.codePointAt(0) ?? 0) - (before.codePointAt(0) ?? 0);
  return distance === 1 ? 'up' : distance === -1 ? 'down' : undefined;
};

/** To a key beside, above or below: rows and columns that it is away. */
function keyStep(keys: ReadonlyMap<string, Key>): StepOf {
  return (before, character) => {
    const [from, to] = [keys.get(before), keys.get(character)];
    if (!from || !to) return undefined;
    const [rows, columns] = [to.row - from.row, to.column - from.column];
    return Math.abs(rows) <= 1 && Math.abs(columns) <= 1 && (rows !== 0 || columns !== 0) ? `${rows} ${columns}` : undefined;
  };
}

/** Adds the places of `steps` where at least so many go on as those `period` before them did. */
function addRuns(runs: Set<number>, steps: readonly (string | undefined)[], period: number, least: (step: string) => number): void {
  let length = 0;
  steps.forEach((step, index) => {
    const goesOn = step !== undefined && step === steps[index - period];
    length = goesOn ? Math.max(length, period) + 1 : 0;
    if (step === undefined || length < least(step)) return;
    for (let back = 0; back < length; back++) runs.add(index - back);
  });
}

function addSteps(runs: Set<number>, characters: readonly string[], stepOf: StepOf): readonly (string | undefined)[] {
  return characters.map((character, index) => {
    const before = characters[index - 1];
    const step = before === undefined ? undefined : stepOf(before, character);
    if (step === 'same') runs.add(index);
    return step;
  });
}

/**
 * What is left when every run counts as its first character: of one character, of characters that follow each other (two
 * letters in their order are none yet: `hi`, `no`), of keys along a row (four, words have three: `were`), along a column
 * (`1qaz`), or to and fro between two rows (`1q2w3e`), also with shift.
 */
export function withoutRuns(text: string): string {
  const characters = Array.from(text);
  const lower = characters.map((character) => character.toLowerCase());
  const leftAfter = (runs: ReadonlySet<number>) => characters.filter((_character, index) => !runs.has(index)).join('');
  const alphabet = new Set<number>();
  addRuns(alphabet, addSteps(alphabet, lower, alphabetStep), 1, () => 2);
  const candidates = KEYBOARDS.map((keys) => {
    const runs = new Set(alphabet);
    const steps = addSteps(runs, characters, keyStep(keys));
    addRuns(runs, steps, 1, (step) => (step.startsWith('0 ') ? 3 : 2));
    addRuns(runs, steps, 2, () => 5);
    return leftAfter(runs);
  });
  return candidates.reduce((least, candidate) => (candidate.length < least.length ? candidate : least));
}
