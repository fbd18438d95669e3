import { isJsonObject, isWellFormed, wellFormed, wellFormedObject, type JsonObject } from '@agentfleet/contracts';
import { jsonOrUndefined } from './event-lines';

/** A call as the provider made it, put together from its pieces. */
export interface CollectedCall {
  /** As the provider gave it; empty when it gave none that could be sent back. */
  readonly id: string;
  readonly name: string;
  /** JSON, as far as the provider wrote JSON. */
  readonly arguments: string;
  /** The provider's own fields of the call, such as a signature of its thoughts; they are sent back with it. */
  readonly own: JsonObject;
}

interface Slot {
  index: number | null;
  id: string;
  name: string;
  arguments: string;
  own: JsonObject;
}

/**
 * Puts tool calls together whatever their pieces look like: no index, the same one for all, or one as text; id and name
 * in every piece or empty in later ones; arguments as text, as a whole value, twice, or not at all.
 */
export class CallCollector {
  private readonly slots: Slot[] = [];

  add(pieces: unknown): void {
    const list: readonly unknown[] = Array.isArray(pieces) ? pieces : [pieces];
    for (const piece of list) if (isJsonObject(piece)) this.addPiece(piece);
  }

  /** The legacy `function_call`: one call without an id. */
  addLegacy(call: unknown): void {
    if (isJsonObject(call)) this.addPiece({ index: 0, function: call });
  }

  all(): CollectedCall[] {
    const meant = this.slots.filter((slot) => slot.name !== '' || slot.arguments.trim() !== ''); // some send empty ones beside their text
    return meant.map((slot) => ({ id: isWellFormed(slot.id) ? slot.id : '', name: wellFormed(slot.name) || '_', arguments: usable(slot.arguments), own: wellFormedObject(slot.own) }));
  }

  private addPiece(piece: JsonObject): void {
    const { index: rawIndex, id: rawId, type: _type, function: fn, ...own } = piece;
    const body = isJsonObject(fn) ? fn : {};
    const [id, name] = [textOf(rawId).trim(), textOf(body['name'] ?? own['name']).trim()];
    const written = body['arguments'] ?? own['arguments'];
    const slot = this.slotOf({ index: indexOf(rawIndex), id, name, written });
    slot.id ||= id;
    if (slot.name === '') slot.name = name;
    else if (name !== slot.name && slot.arguments === '') slot.name += name; // a name in pieces
    slot.arguments = joined(slot.arguments, written);
    slot.own = { ...slot.own, ...fieldsOf(own) };
  }

  private slotOf(piece: Piece): Slot {
    const found = this.openSlot(piece);
    if (found) return found;
    const slot: Slot = { index: piece.index, id: '', name: '', arguments: '', own: {} };
    this.slots.push(slot);
    return slot;
  }

  /** The call that a piece goes on with; undefined when it begins another one. */
  private openSlot({ index, id, name, written }: Piece): Slot | undefined {
    const last = index === null ? this.slots.at(-1) : this.slots.findLast((slot) => slot.index === index);
    const same = id === '' ? undefined : this.slots.findLast((slot) => slot.id === id && (index === null || slot.index === index));
    const begins = name !== '' && beginsObject(written);
    const isRepeat = (slot: Slot) => id !== '' && index !== null && written === slot.arguments;
    if (same && !(begins && isWhole(same.arguments) && !isRepeat(same))) return same;
    if (!last || name === '') return last;
    const isOther = id !== '' && last.id !== '' && id !== last.id;
    if (index === null || isOther) {
      // Some providers make up a new id for every piece.
      const goesOn = name === last.name && last.arguments !== '' && !isWhole(last.arguments);
      return goesOn ? last : undefined;
    }
    return begins && isWhole(last.arguments) && !isRepeat(last) ? undefined : last;
  }
}

interface Piece {
  readonly index: number | null;
  readonly id: string;
  readonly name: string;
  readonly written: unknown;
}

function beginsObject(written: unknown): boolean {
  return typeof written === 'string' ? /^\s*\{/.test(written) : isJsonObject(written);
}

function indexOf(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

/** Text goes on; any other value is the whole. A whole that comes again after its pieces counts once. */
function joined(before: string, piece: unknown): string {
  if (piece === undefined || piece === null) return before;
  if (typeof piece !== 'string') return before !== '' && isJsonObject(piece) && Object.keys(piece).length === 0 ? before : JSON.stringify(piece);
  if (before === '{}' && beginsObject(piece)) return piece; // a stand-in until the arguments came
  return piece === before && isWhole(before) ? before : before + piece;
}

function isWhole(text: string): boolean {
  return text.trimEnd().endsWith('}') && isJsonObject(jsonOrUndefined(text)); // most pieces are not worth a parser
}

/** Blank arguments and `null` mean none; an object that was written as a text within a text is taken out of it. */
function usable(text: string): string {
  const whole = wellFormed(text);
  if (whole.trim() === '') return '{}';
  const value = jsonOrUndefined(whole);
  if (value === null) return '{}';
  return typeof value === 'string' && isWhole(value) ? value : whole;
}

const NOT_OWN = new Set(['name', 'arguments']);

function fieldsOf(own: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(own).filter(([key, value]) => value !== null && value !== undefined && !NOT_OWN.has(key)));
}
