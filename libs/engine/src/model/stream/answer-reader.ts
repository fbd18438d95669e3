import { answerErrorOf, cutText, finishWordOf, isJsonObject, SurrogateJoiner, wellFormedObject, type AnswerError, type FinishWord, type JsonObject, type JsonValue } from '@agentfleet/contracts';
import { CallCollector } from './call-collector';
import { choiceOf, textOf, thoughtsOf, usageOf } from './chat-chunk';
import type { ProviderEvent } from './event-lines';

/** What a provider wants back as it gave it: `message` beside the answer's text, `calls` by the id that the SDK sees. */
export interface OwnFields {
  readonly message: JsonObject;
  readonly calls: Readonly<Record<string, { readonly id: string; readonly own: JsonObject }>>;
}

/** The field of the last chunk that carries `OwnFields` past the SDK. */
export const OWN_FIELDS = 'own_fields';

const THOUGHTS = ['reasoning_content', 'reasoning', 'thinking'] as const;

/**
 * Reads one answer, whatever its chunks look like, and words it anew: chunks of text and thoughts at once, calls, usage
 * and the reason of the end in one last chunk. An answer without a reason gets no last chunk: it was cut off.
 */
export class AnswerReader {
  /** Nothing more is to be read. */
  isDone = false;
  private readonly content = new SurrogateJoiner();
  private readonly thoughts = new SurrogateJoiner();
  private readonly calls = new CallCollector();
  private isFailed = false;
  private finish: FinishWord | null = null;
  private usage: JsonObject = {};
  private thoughtsField: string | null = null;
  private wholeThoughts = '';
  private namesThoughts = false;
  private readonly details: JsonObject[] = [];

  /** True once the provider said why its answer ended; what comes after can only be lost usage. */
  get isComplete(): boolean {
    return this.finish !== null;
  }

  *take(event: ProviderEvent): Generator<JsonObject> {
    if (this.isDone) return;
    if (event.kind === 'done') this.isDone = true;
    else if (event.kind === 'broken') yield this.failed({ message: cutText(event.text, 500), code: null, type: 'broken_stream' });
    else for (const value of Array.isArray(event.value) ? event.value : [event.value]) yield* this.chunk(value, event.isError, false);
  }

  /** The chunks of an answer that came whole, as JSON. */
  *takeWhole(value: unknown): Generator<JsonObject> {
    for (const part of Array.isArray(value) ? value : [value]) yield* this.chunk(part, false, true);
  }

  *failWith(error: AnswerError): Generator<JsonObject> {
    yield this.failed(error);
  }

  *end(): Generator<JsonObject> {
    if (this.isFailed) return;
    yield* this.shown(this.thoughts.end(), this.content.end());
    if (this.finish === null) return;
    if (this.finish === 'error') return yield this.failed({ message: 'The provider ended its answer with an error.', code: null, type: 'finish_reason' });
    const calls = this.calls.all();
    const toolCalls = calls.map((call, index) => ({ index, id: `c${index}`, type: 'function', function: { name: call.name, arguments: call.arguments } }));
    if (toolCalls.length > 0) yield chunkOf({ tool_calls: toolCalls });
    const own: OwnFields = {
      message: this.ownOfMessage(),
      calls: Object.fromEntries(calls.map((call, index) => [`c${index}`, { id: call.id, own: call.own }])),
    };
    const hasUsage = Object.values(this.usage).some((count) => count !== undefined);
    yield { ...chunkOf({}, this.finish), ...(hasUsage ? { usage: this.usage } : {}), [OWN_FIELDS]: { ...own } };
  }

  private failed(error: AnswerError): JsonObject {
    this.isDone = true;
    this.isFailed = true;
    return { error: { ...error } };
  }

  private *chunk(chunk: unknown, isErrorEvent: boolean, isWhole: boolean): Generator<JsonObject> {
    if (this.isDone) return;
    const error = answerErrorOf(chunk, isErrorEvent);
    if (error) return yield this.failed(error);
    if (!isJsonObject(chunk)) return;
    this.usage = usageOf(chunk['usage'], this.usage);
    const choice = choiceOf(chunk);
    if (!choice) return;
    const delta = isWhole ? (choice['message'] ?? choice['delta']) : choice['delta'];
    if (isJsonObject(delta)) yield* this.delta(delta);
    this.finish = finishWordOf(choice['finish_reason']) ?? this.finish;
  }

  private *delta(delta: JsonObject): Generator<JsonObject> {
    const thoughts = this.thoughtsIn(delta);
    this.wholeThoughts += thoughts;
    const text = textOf(delta['content']) + (typeof delta['refusal'] === 'string' ? delta['refusal'] : '');
    yield* this.shown(this.thoughts.add(thoughts), this.content.add(text));
    this.calls.add(delta['tool_calls']);
    this.calls.addLegacy(delta['function_call']);
  }

  private *shown(thoughts: string, text: string): Generator<JsonObject> {
    if (thoughts !== '') yield chunkOf({ reasoning_content: thoughts });
    if (text !== '') yield chunkOf({ content: text });
  }

  /** Providers name their thoughts differently, some twice in one piece: the first field that has any counts. */
  private thoughtsIn(delta: JsonObject): string {
    const { reasoning_details: details } = delta;
    if (Array.isArray(details)) for (const detail of details) if (isJsonObject(detail)) addDetail(this.details, detail);
    this.namesThoughts ||= typeof delta['reasoning_content'] === 'string';
    const fields = this.thoughtsField === null ? THOUGHTS : THOUGHTS.filter((field) => field === this.thoughtsField);
    for (const field of fields) {
      const thoughts = delta[field];
      if (typeof thoughts !== 'string' || thoughts === '') continue;
      this.thoughtsField = field;
      return thoughts;
    }
    if (this.thoughtsField !== null) return '';
    const inDetails = Array.isArray(details) ? details.map((detail: unknown) => (isJsonObject(detail) ? textOf(detail['text'] ?? detail['summary']) : '')).join('') : '';
    return inDetails || thoughtsOf(delta['content']);
  }

  private ownOfMessage(): JsonObject {
    // Who names the field wants it back with every round, also when this one had no thoughts.
    const field = this.thoughtsField ?? (this.namesThoughts ? 'reasoning_content' : null);
    const thoughts: JsonObject = field === null ? {} : { [field]: this.wholeThoughts };
    const details: JsonObject = this.details.length === 0 ? {} : { reasoning_details: this.details };
    return wellFormedObject({ ...thoughts, ...details });
  }
}

function chunkOf(delta: JsonObject, finish: FinishWord | null = null): JsonObject {
  return { choices: [{ index: 0, delta, finish_reason: finish }] };
}

/** Pieces of one thought follow each other: their texts are one, later fields count. */
function addDetail(details: JsonObject[], detail: JsonObject): void {
  const last = details.at(-1);
  const isSame = last !== undefined && last['type'] === detail['type'] && last['index'] === detail['index'];
  if (!last || !isSame || last['type'] === 'reasoning.encrypted') {
    details.push(detail);
    return;
  }
  const joined: Record<string, JsonValue | undefined> = { ...last };
  for (const [key, value] of Object.entries(detail)) {
    const before = joined[key];
    const isText = key === 'text' || key === 'summary';
    if (value !== null) joined[key] = isText && typeof before === 'string' && typeof value === 'string' ? before + value : value;
  }
  details[details.length - 1] = joined;
}
