import { applyDecorators, Catch, UseFilters, type ExceptionFilter } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import type { SocketRoute } from './socket-types';

/** Without a filter Nest logs a handler's error and answers nothing; this hands it to the adapter, which replies. */
@Catch()
class ToAdapter implements ExceptionFilter {
  catch(error: unknown): never {
    throw error;
  }
}

/** A gateway class on our socket adapter. Handlers are `@SubscribeMessage(name)` methods; their result is the reply. */
export const SocketGateway = (route: SocketRoute): ClassDecorator => applyDecorators(WebSocketGateway({ ...route }), UseFilters(ToAdapter));
