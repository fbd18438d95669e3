import { encodeCursor } from '@agentfleet/platform';
import fc from 'fast-check';
import { mergedBytes, readMetadata, storeMetadata } from './metadata';
import { sessionJson } from './render-session';
import { positionOf } from './session-position';
import type { StoredSession } from './session.repository';

describe('metadata', () => {
  it('comes back exactly, whatever the keys are called', () => {
    const awkward = { $where: { $gt: 1 }, 'a.b': [1, 2.5, 12345678901, -0.5], '': null, $ref: 'x', $id: 'y', constructor: true, '1': 'one' };
    expect(readMetadata(storeMetadata(awkward))).toEqual(awkward);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (metadata) => {
        const given = JSON.parse(JSON.stringify(metadata));
        expect(readMetadata(storeMetadata(given))).toEqual(given);
      }),
    );
  });

  it('stores no key that MongoDB could take for something else', () => {
    for (const key of Object.keys(storeMetadata({ $set: 1, '': 2, $ref: 3 }))) expect(key).toMatch(/^k:/);
  });

  it('knows the size after merging', () => {
    expect(mergedBytes(storeMetadata({ a: 'ü', b: 1 }), { b: 22 })).toBe(Buffer.byteLength('{"a":"ü","b":22}'));
  });
});

describe('positionOf', () => {
  const key = '0123456789abcdef01234567';

  it('is what the cursor was made of', () => {
    expect(positionOf(encodeCursor([1771450200123, key]))).toEqual({ lastActivity: new Date(1771450200123), key });
  });
  it.each(['', 'x', encodeCursor([5, 'xyz']), encodeCursor([99999999999999999, key]), encodeCursor([String(5), key]), encodeCursor([5, key, 1])])('knows nothing of %j', (cursor) => {
    expect(positionOf(cursor)).toBeUndefined();
  });
});

describe('sessionJson', () => {
  const session: StoredSession = {
    key: 'k',
    orgId: 'o',
    sessionId: 's "1"',
    userId: 'u',
    createdAtMs: 0,
    lastActivityMs: 5000,
    metadata: { a: 1 },
    totalMessages: 7,
  };
  async function* messages(count: number, size: number) {
    for (let seq = 1; seq <= count; seq++) {
      yield { seq, timestampMs: seq, role: 'user' as const, content: 'x'.repeat(size), agent: '', callId: null, incomplete: seq === 2 };
    }
  }
  async function collect(count: number, size: number, showsAll: boolean) {
    const chunks: string[] = [];
    for await (const chunk of sessionJson(session, messages(count, size), showsAll)) chunks.push(chunk);
    return chunks;
  }

  it('is the JSON of the contract, for any number of messages', async () => {
    for (const count of [0, 1, 3]) {
      const parsed = JSON.parse((await collect(count, 1, true)).join(''));
      expect(parsed).toMatchObject({ session_id: 's "1"', user_id: 'u', metadata: { a: 1 }, total_messages: count, last_activity: '1970-01-01T00:00:05.000Z' });
      expect(parsed.messages).toHaveLength(count);
    }
    const [, second] = JSON.parse((await collect(3, 1, true)).join('')).messages;
    expect(second).toEqual({ timestamp: '1970-01-01T00:00:00.002Z', role: 'user', content: 'x', agent: '', incomplete: true });
  });

  it('comes in pieces of bounded size', async () => {
    const chunks = await collect(20, 30_000, true);
    expect(chunks.length).toBeGreaterThan(5);
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(200_000);
    expect(JSON.parse(chunks.join('')).total_messages).toBe(20);
  });

  it('names the stored number when only some are shown', async () => expect(JSON.parse((await collect(2, 1, false)).join('')).total_messages).toBe(7));
});
