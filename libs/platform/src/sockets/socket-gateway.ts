import type { Type } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import type { SocketRoute } from './socket-types';

/** A gateway class on our socket adapter; its frames have `@OnFrame(name)` methods. */
export const SocketGateway =
  (route: SocketRoute) =>
  (gateway: Type<object>): void => {
    WebSocketGateway({ ...route, gateway })(gateway);
  };
