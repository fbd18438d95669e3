import { BodyLimit } from '@agentfleet/platform';

/** The longest credential of 1024 characters with a name, each character written as two `\\uXXXX`, is 15,336 bytes. */
export const SMALL_BODY_BYTES = 16_384;

/** For routes that take a credential or a word or two, above all those that anybody may call: more is 413 before it is read. */
export const SmallBody = (): MethodDecorator => BodyLimit(SMALL_BODY_BYTES);
