import type { ConnectionFrame } from '@agentfleet/contracts';
import type { AppError } from '@agentfleet/errors';
import { CLOCK, type Clock } from '@agentfleet/platform';
import { wireTime } from '@agentfleet/sessions';
import { Inject, Injectable } from '@nestjs/common';

/** Frames for one connection only: they have no `seq`. */
@Injectable()
export class ConnectionFrames {
  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  frame(type: ConnectionFrame['type'], data: Readonly<Record<string, unknown>>): ConnectionFrame {
    return { type, data, timestamp: wireTime(this.clock.now()) };
  }

  error(code: string, message: string, more: Readonly<Record<string, unknown>> = {}): ConnectionFrame {
    return this.frame('error', { message, code, ...more });
  }

  badFrame(message: string, field?: string): ConnectionFrame {
    return this.error('bad_frame', message, field === undefined ? {} : { field });
  }

  /** An application error in the plain dialect. */
  problem(error: AppError): ConnectionFrame {
    const field = error.problems[0]?.field;
    const code = error.code === 'validation_failed' ? 'bad_frame' : error.code;
    return this.error(code, error.message, { ...(field === undefined ? {} : { field }), ...error.extra });
  }
}
