import type { MetadataExtractor } from '@ai-sdk/openai-compatible';
import { isJsonObject, type JsonObject } from '@agentfleet/contracts';
import { OWN_FIELDS, type OwnFields } from './stream/answer-reader';

/** Under this name the fields come with the last part of an answer. */
const METADATA_NAME = 'agentfleet';

const NONE: OwnFields = { message: {}, calls: {} };

/** Carries what a provider wants back past the SDK, which keeps only what it knows. */
export const ownFieldsExtractor: MetadataExtractor = {
  extractMetadata: async () => undefined, // answers always come as a stream
  createStreamExtractor: () => {
    let own: unknown;
    return {
      processChunk(chunk: unknown) {
        if (isJsonObject(chunk) && chunk[OWN_FIELDS] !== undefined) own = chunk[OWN_FIELDS];
      },
      // The SDK asks for its own JSON type; ours is the same with read-only lists.
      buildMetadata: () => (own === undefined ? undefined : { [METADATA_NAME]: { text: JSON.stringify(own) } }),
    };
  },
};

/** The provider's own fields in the metadata of an answer. */
export function ownFieldsOf(metadata: Readonly<Record<string, unknown>> | undefined): OwnFields {
  const carried = metadata?.[METADATA_NAME];
  const text = isJsonObject(carried) ? carried['text'] : undefined;
  if (typeof text !== 'string') return NONE;
  const own: unknown = JSON.parse(text);
  if (!isJsonObject(own)) return NONE;
  const { message, calls } = own;
  return { message: isJsonObject(message) ? message : {}, calls: isJsonObject(calls) ? callsOf(calls) : {} };
}

function callsOf(calls: JsonObject): OwnFields['calls'] {
  const entries = Object.entries(calls).map(([sdkId, call]) => {
    const { id, own } = isJsonObject(call) ? call : {};
    return [sdkId, { id: typeof id === 'string' ? id : '', own: isJsonObject(own) ? own : {} }] as const;
  });
  return Object.fromEntries(entries);
}
