import fc from 'fast-check';
import { MessagePlacer, type SessionMessages } from './message-placer';
import type { MessageContent, MessageRepository, PlacedMessage } from './message.repository';

/** What the placer asks of the two repositories, kept in memory with the unique index; `rival` writes before each insert. */
class Store {
  readonly rows = new Map<number, { id: string; content: string }>();
  private ids = 0;
  /** @param outage says whether the answer of the next operation is lost. */
  constructor(
    private readonly rival: () => readonly number[],
    private readonly outage: () => boolean = () => false,
  ) {}

  private answer<T>(value: T): Promise<T> {
    return this.outage() ? Promise.reject(new Error('away')) : Promise.resolve(value);
  }

  readonly messages = {
    newId: () => `id${++this.ids}`,
    insert: (messages: readonly PlacedMessage[]) => {
      for (const seq of this.rival()) if (!this.rows.has(seq)) this.rows.set(seq, { id: `rival${seq}`, content: 'rival' });
      const lost: number[] = [];
      messages.forEach((message, index) => {
        if (this.rows.get(message.seq)?.id === message.id) return; // stored by a former try
        if (this.rows.has(message.seq)) lost.push(index);
        else this.rows.set(message.seq, { id: message.id, content: message.content.content });
      });
      return this.answer(lost);
    },
    rewrite: (messages: readonly PlacedMessage[]) => {
      for (const { seq, id, content } of messages) this.rows.set(seq, { id, content: content.content });
      return this.answer(undefined);
    },
    maxSeq: () => this.answer(Math.max(0, ...this.rows.keys())),
  };

  placer(): MessagePlacer {
    return new MessagePlacer(this.messages as unknown as MessageRepository); // only these methods are used
  }
}

const content = (text: string): MessageContent => ({ timestampMs: 0, role: 'user', content: text, agent: '', callId: 'c', incomplete: false });
const group = (texts: readonly string[]): SessionMessages => ({
  known: { key: 'k', orgId: 'o', sessionId: 's', userId: 'u', nextSeq: 1, lastActivityMs: 0 },
  contents: texts.map(content),
  metadata: [],
  placed: [],
});

it('numbers from what it knows, without asking', async () => {
  const store = new Store(() => []);
  const one = group(['a', 'b']);
  const placer = store.placer();
  await placer.number([one]);
  await placer.store([one]);
  expect([...store.rows.entries()].map(([seq, { content: text }]) => `${seq}${text}`)).toEqual(['1a', '2b']);
  expect(one.known.nextSeq).toBe(3);
});

it('keeps prompt before answer when a rival took the prompt’s number', async () => {
  const store = new Store(() => [1]);
  const one = group(['prompt', 'answer']);
  const placer = store.placer();
  await placer.number([one]);
  await placer.store([one]);
  expect([1, 2, 3].map((seq) => store.rows.get(seq)?.content)).toEqual(['rival', 'prompt', 'answer']);
});

it('loses, doubles and disorders nothing, and leaves no gap, whatever a rival takes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }), { maxLength: 5 }), fc.integer({ min: 1, max: 8 }), async (attacks, size) => {
      let round = 0;
      const store: Store = new Store(() => {
        // a rival takes numbers in order, without gaps, as every replica does
        const length = attacks[round++]?.length ?? 0;
        const next = Math.max(0, ...store.rows.keys()) + 1;
        return Array.from({ length }, (_, index) => next + index);
      });
      const texts = Array.from({ length: size }, (_, index) => `m${index}`);
      const one = group(texts);
      const placer = store.placer();
      await placer.number([one]);
      await placer.store([one]);
      const seqs = [...store.rows.keys()].sort((a, b) => a - b);
      expect(seqs).toEqual(seqs.map((_seq, index) => index + 1));
      const mine = seqs.map((seq) => store.rows.get(seq)?.content).filter((text) => text !== 'rival');
      expect(mine).toEqual(texts);
      expect(one.known.nextSeq).toBe((one.placed.at(-1)?.seq ?? 0) + 1);
    }),
  );
});

it('neither do outages in the middle of it', async () => {
  const taken = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(taken, fc.array(fc.boolean(), { maxLength: 12 }), fc.integer({ min: 1, max: 6 }), async (attacks, outages, size) => {
      const pending = [...attacks];
      const away = [...outages];
      const store: Store = new Store(
        () => {
          const next = Math.max(0, ...store.rows.keys()) + 1;
          return Array.from({ length: pending.shift() ?? 0 }, (_, index) => next + index);
        },
        () => away.shift() ?? false,
      );
      const texts = Array.from({ length: size }, (_, index) => `m${index}`);
      const one = group(texts);
      const placer = store.placer();
      await placer.number([one]);
      for (let isStored = false; !isStored; ) {
        isStored = await placer.store([one]).then(
          () => true,
          () => false,
        );
      }
      const seqs = [...store.rows.keys()].sort((a, b) => a - b);
      expect(seqs).toEqual(seqs.map((_seq, index) => index + 1));
      expect(seqs.map((seq) => store.rows.get(seq)?.content).filter((text) => text !== 'rival')).toEqual(texts);
    }),
  );
});
