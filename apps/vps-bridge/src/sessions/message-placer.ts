import type { JsonObject } from '@agentfleet/contracts';
import { Injectable } from '@nestjs/common';
import { MessageRepository, type MessageContent, type PlacedMessage } from './message.repository';
import type { KnownSession } from './session-directory';

/** Messages of one session on their way into a commit, in their final order. */
export interface SessionMessages {
  readonly known: KnownSession;
  readonly contents: readonly MessageContent[];
  readonly metadata: readonly JsonObject[];
  /** Filled by `number`. */
  placed: readonly PlacedMessage[];
}

/**
 * Gives messages their numbers without asking: this replica knows the next one, and the unique index proves it. Only when
 * another replica was faster with a number, the next ones are read again.
 */
@Injectable()
export class MessagePlacer {
  constructor(private readonly messages: MessageRepository) {}

  /** Numbers all messages that have no number yet. */
  async number(groups: readonly SessionMessages[]): Promise<void> {
    const unknown = groups.filter(({ known }) => known.nextSeq === null);
    if (unknown.length > 0) await Promise.all(unknown.map(({ known }) => this.readNext(known)));
    for (const group of groups) {
      if (group.placed.length > 0) continue;
      let seq = group.known.nextSeq ?? 1;
      group.placed = group.contents.map((content) => this.place(group.known, content, seq++));
      group.known.nextSeq = seq;
    }
  }

  /** Stores all messages; afterwards `placed` says where they really are. May be repeated when it failed. */
  async store(groups: readonly SessionMessages[]): Promise<void> {
    const all = groups.flatMap(({ placed }) => placed);
    try {
      const refused = new Set((await this.messages.insert(all)).flatMap((index) => all[index] ?? []));
      for (const group of groups) {
        if (isUnresolved(group, refused)) await this.resolveRace(group, refused);
      }
    } catch (error) {
      for (const { known } of groups) known.nextSeq = null; // what was stored and what not is asked next time
      throw error;
    }
  }

  /**
   * Some numbers went to another replica. The rest gets the next free ones, and where that would put an answer before its
   * prompt the places are written again in the right order. Nobody was answered yet, so nobody relies on the old order.
   */
  private async resolveRace(group: SessionMessages, refused: ReadonlySet<PlacedMessage>): Promise<void> {
    const { known, contents } = group;
    let places = group.placed.filter((message) => !refused.has(message));
    while (places.length < contents.length) {
      let seq = (await this.messages.maxSeq(known.key)) + 1;
      const rest = contents.slice(places.length).map((content) => this.place(known, content, seq++));
      group.placed = [...places, ...rest]; // known before they are stored: a repetition after an outage makes no second ones
      const refusedAgain = new Set(await this.messages.insert(rest));
      places = [...places, ...rest.filter((_message, index) => !refusedAgain.has(index))];
    }
    const ordered = places.map((place, index) => ({ ...place, content: contents[index] ?? place.content }));
    await this.messages.rewrite(ordered.filter((message, index) => message.content !== places[index]?.content));
    group.placed = ordered;
    known.nextSeq = (ordered.at(-1)?.seq ?? 0) + 1;
  }

  private place(known: KnownSession, content: MessageContent, seq: number): PlacedMessage {
    return { id: this.messages.newId(), sessionKey: known.key, seq, content };
  }

  private async readNext(known: KnownSession): Promise<void> {
    known.nextSeq = (await this.messages.maxSeq(known.key)) + 1;
  }
}

/** A number went to another replica, or an outage came before the messages of such a race were written in order. */
function isUnresolved({ placed, contents }: SessionMessages, refused: ReadonlySet<PlacedMessage>): boolean {
  return placed.length !== contents.length || placed.some((message, index) => refused.has(message) || message.content !== contents[index]);
}
