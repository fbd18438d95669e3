import { SubscribeMessage } from '@nestjs/websockets';
import { BINARY_FRAMES } from './socket-types';

/** A gateway's method that gets binary frames, as a `Buffer` in `@MessageBody()`; JSON in one goes to its own method where the policy accepts that. */
export const BinaryFrames = (): MethodDecorator => SubscribeMessage(BINARY_FRAMES);
