import { readNotice, type NoticeMap, type NoticePattern } from '@agentfleet/contracts';
import { EventPattern } from '@nestjs/microservices';

type NoticeHandler<P extends NoticePattern> = (notice: NoticeMap[P]) => void | Promise<void>;

/**
 * A controller's method that hears a notice of any app. It gets the notice as `NoticeMap` types it: notices come from outside the
 * process, and one that is malformed or does not say whose it is never gets here.
 */
export function OnNotice<P extends NoticePattern>(pattern: P) {
  return (target: object, key: string, descriptor: { value?: NoticeHandler<P> }): void => {
    const handler = descriptor.value;
    if (!handler) throw new Error('@OnNotice belongs on a method');
    descriptor.value = function (payload: unknown) {
      const notice = readNotice(pattern, payload);
      return notice === undefined ? undefined : handler.call(this, notice);
    };
    EventPattern(pattern)(target, key, descriptor);
  };
}
