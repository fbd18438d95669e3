import { BRIDGE_DIALECT } from '../vps-bridge/dialect';
import { CLUSTER_DIALECT, CLUSTER_QUERY_DIALECT } from '../cluster-agent/dialect';
import { GATEWAY_DIALECT, GATEWAY_QUERY_DIALECT } from '../execution-gateway/dialect';
import { FieldReader, shortText, type ReaderDialect } from './field-reader';
import { isJsonObject, type JsonValue } from './json';
import { QueryReader, type QueryDialect } from './query-reader';

type Read = (reader: FieldReader) => unknown;

const said = (dialect: ReaderDialect, value: JsonValue, read: Read) => {
  const reader = new FieldReader({ f: value }, dialect);
  expect(read(reader)).toBeUndefined();
  return reader.problems.map(({ message }) => message);
};

const text: Read = (reader) => reader.text('f', shortText(3));
const whole: Read = (reader) => reader.integer('f', 1, 5);
const object: Read = (reader) => reader.object('f', { maxBytes: 20, maxDepth: 2 });
const PAIR = 'must be well-formed Unicode (it has half a surrogate pair)';
const LONE = 'must not contain lone surrogates';

describe('one outside value, as each app words what is wrong with it', () => {
  it.each<[JsonValue, Read, gateway: string, bridge: string, cluster: string]>([
    [5, text, 'f must be a string of at most 3 characters', 'must be a string of at most 3 characters', 'must be a string of at most 3 characters'],
    ['a😀bc', text, 'f must be a string of at most 3 characters', 'must be a string of at most 3 characters', 'must be a string of at most 3 characters'],
    ['a\ud800', text, `f ${PAIR}`, PAIR, LONE],
    ['5', whole, 'f must be a whole number from 1 to 5', 'must be a whole number from 1 to 5', 'must be a whole number from 1 to 5'],
    [1.5, whole, 'f must be a whole number from 1 to 5', 'must be a whole number from 1 to 5', 'must be a whole number from 1 to 5'],
    [0, (reader) => reader.integer('f', 1, Number.MAX_SAFE_INTEGER), 'f must be a whole number of at least 1', 'must be a whole number from 1 to 9007199254740991', 'must be a whole number from 1 to 9007199254740991'],
    [6, (reader) => reader.number('f', 1, 5), 'f must be a number from 1 to 5', 'must be a number from 1 to 5', 'must be a number from 1 to 5'],
    [1, (reader) => reader.flag('f'), 'f must be true or false', 'must be true or false', 'must be true or false'],
    ['c', (reader) => reader.oneOf('f', ['a', 'b']), 'f must be "a", "b"', 'must be one of a, b', 'must be one of a, b'],
    [['a', 5], (reader) => reader.texts('f', 2, shortText(3)), 'f must have only entries of which each must be a string of at most 3 characters', 'must have only entries of which each must be a string of at most 3 characters', 'must have only entries of which each must be a string of at most 3 characters'],
    [['a', 'b', 'c'], (reader) => reader.texts('f', 2, shortText(3)), 'f must be a list of at most 2 entries', 'must be a list of at most 2 entries', 'must be a list of at most 2 entries'],
    [[], object, 'f must be an object', 'must be an object', 'must be an object'],
    [{ a: { b: { c: 1 } } }, object, 'f must not be nested deeper than 2', 'must not be nested deeper than 2', 'must not be nested deeper than 2'],
    [{ a: 'é'.repeat(10) }, object, 'f must be at most 20 bytes of JSON', 'must be at most 20 bytes as JSON', 'must be at most 20 bytes of JSON'],
    [{ '\ud800': 1 }, object, `f ${PAIR}`, 'must hold well-formed Unicode only', LONE],
    [{ a: 1 }, (reader) => reader.nested('f', (inner) => inner.flag('a')), 'f.a must be true or false', 'must be true or false', 'must be true or false'],
  ])('%j (case %#)', (value, read, ...expected) => {
    expect([GATEWAY_DIALECT, BRIDGE_DIALECT, CLUSTER_DIALECT].map((dialect) => said(dialect, value, read))).toEqual(expected.map((message) => [message]));
  });

  it('U+0000 in a key of an object is refused by the bridge alone', () => {
    const given = { f: { a: [{ '\0': 1 }] } };
    expect(said(BRIDGE_DIALECT, given.f, (reader) => reader.object('f'))).toEqual(['must not have a key with U+0000']);
    for (const dialect of [GATEWAY_DIALECT, CLUSTER_DIALECT]) expect(new FieldReader(given, dialect).object('f')).toBe(given.f);
  });
});

it('takes null as absent, unless it is asked for', () => {
  const reader = new FieldReader({ f: null, g: undefined }, CLUSTER_DIALECT);
  expect([reader.flag('f'), reader.orNull('f', reader.flag('f')), reader.orNull('g', reader.flag('g'))]).toEqual([undefined, null, undefined]);
  expect(reader.problems).toEqual([]);
});

it('reads own fields only', () => {
  expect(new FieldReader({}, CLUSTER_DIALECT).value('constructor', 'must be nothing', isJsonObject)).toBeUndefined();
  const own = new FieldReader(JSON.parse('{"__proto__":{"a":1}}'), CLUSTER_DIALECT);
  expect(own.object('__proto__')).toEqual({ a: 1 });
  expect(own.raw('a')).toBeUndefined();
});

it('says once that a field is required, and names it where it is', () => {
  const reader = new FieldReader({ wrong: 5 }, BRIDGE_DIALECT, 'list[0].');
  reader.required('wrong', reader.text('wrong', shortText(1)));
  reader.required('absent', reader.text('absent', shortText(1)));
  expect(reader.finish({})).toMatchObject({ ok: false, problems: [{ field: 'list[0].wrong' }, { field: 'list[0].absent', message: 'is required' }] });
});

describe('queries', () => {
  const ask = (dialect: QueryDialect, value: unknown, read: (reader: QueryReader) => unknown) => {
    const reader = new QueryReader({ f: value, limit: value }, dialect);
    return [read(reader), ...reader.problems.map(({ message }) => message)];
  };
  const ODD = 'must be given once, with at most 1024 characters and no control characters';

  it.each<[unknown, (reader: QueryReader) => unknown, gateway: unknown[], cluster: unknown[]]>([
    ['x', (reader) => reader.text('f'), ['x'], ['x']],
    [['x', 'y'], (reader) => reader.text('f'), [undefined, 'f must be given once, as a plain text'], [undefined, ODD]],
    ['\u0085', (reader) => reader.text('f'), [undefined, 'f must not hold control characters'], [undefined, ODD]],
    ['x'.repeat(1025), (reader) => reader.text('f'), ['x'.repeat(1025)], [undefined, ODD]],
    ['7', (reader) => reader.whole('f', 0, 9), [7], [7]],
    ['0x7', (reader) => reader.whole('f', 0, 9), [undefined, 'f must be a whole number from 0 to 9'], [undefined, 'must be a whole number from 0 to 9']],
    [['1', '2'], (reader) => reader.whole('f', 0, 9), [undefined, 'f must be a whole number from 0 to 9'], [undefined, 'must be a whole number from 0 to 9']],
    ['c', (reader) => reader.oneOf('f', ['a', 'b']), [undefined, 'f must be one of a, b'], [undefined, 'must be one of a, b']],
    ['500', (reader) => reader.limit({ max: 100, fallback: 10, beyond: 'lowered' }), [100], [100]],
    ['500', (reader) => reader.limit({ max: 100, fallback: 10, beyond: 'refused' }), [10, 'limit must be a whole number from 1 to 100'], [10, 'must be a whole number from 1 to 100']],
    ['2026-02-28t10:00:00z', (reader) => reader.time('f'), [new Date('2026-02-28T10:00:00Z')], [new Date('2026-02-28T10:00:00Z')]],
    ['2026-02-30T10:00:00Z', (reader) => reader.time('f'), [undefined, 'f must be an RFC 3339 time on a day that the calendar has'], [undefined, 'must be an RFC 3339 time on a day that the calendar has']],
  ])('%j (case %#)', (value, read, ...expected) => {
    expect([GATEWAY_QUERY_DIALECT, CLUSTER_QUERY_DIALECT].map((dialect) => ask(dialect, value, read))).toEqual(expected);
  });
});
