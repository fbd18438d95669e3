import { createHash } from 'node:crypto';
import { AppError } from '@agentfleet/errors';
import { CLOCK, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { FailureGuard, type Watched } from '../limits/failure-guard';
import type { UserDocument } from '../users/user.schema';
import { LoginPlaceRepository } from './login-place.repository';

const WINDOW_MS = 15 * 60_000;
const FAILURES_PER_NAME_AND_SOURCE = 10;
/** Over all names: one password tried on many. */
const FAILURES_PER_SOURCE = 100;
/** From where this name logged in before; others may sit behind the same address, so there is a limit here too. */
const FAILURES_WHERE_KNOWN = 100;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const isLimited = (error: unknown) => error instanceof AppError && error.code === 'rate_limited';
const isWrong = (error: unknown) => error instanceof AppError && error.code === 'invalid_credentials';

interface LoginAttempt {
  readonly username: string;
  /** Who has that name, if anybody. */
  readonly user: UserDocument | undefined;
  readonly source: string;
  readonly password: string;
}

/**
 * Limits guesses of passwords, by (name, source) and by source over all names. A new password, whoever set it, begins a new
 * count. Nobody locks a person out of the places where that person logged in before: there a right password is still heard.
 */
@Injectable()
export class LoginLimits {
  constructor(
    private readonly guard: FailureGuard,
    private readonly places: LoginPlaceRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * @param check gets its lane in the queue of password checks: a name at a place where it logged in before has one of its
   *   own, so that what others send from there does not make it wait
   * @throws AppError `rate_limited`, or what the check throws
   */
  async login<T>(attempt: LoginAttempt, check: (lane: string) => Promise<T>): Promise<T> {
    const { username, source, password } = attempt;
    const name = sha256(username.toLowerCase());
    const version = attempt.user?.tokenVersion ?? 0;
    const pair = rule(`login:${name}:${version}:${source}`, FAILURES_PER_NAME_AND_SOURCE);
    const known = rule(`login-known:${name}:${version}:${source}`, FAILURES_WHERE_KNOWN);
    const guess = `${name}:${password}`;
    const place = sha256(`${name}:${source}`);
    const isKnown = attempt.user !== undefined && (await this.places.isKnown(place));
    const checkInLane = () => check(isKnown ? `login-place:${place}` : `login:${source}`);
    // what others guessed from here must not keep somebody out who was just given a new password
    const isNewPassword = this.clock.now() - (attempt.user?.passwordSetAt?.getTime() ?? 0) < WINDOW_MS;
    try {
      const result = await this.guard.guarded(isNewPassword ? [pair] : [pair, ofSource(source)], guess, 'Too many failed logins', checkInLane);
      await this.places.remember(place, new Date(this.clock.now()));
      return result;
    } catch (error) {
      if (!isLimited(error) || !isKnown) throw error;
      return this.guard.guarded([known], guess, 'Too many failed logins', checkInLane).catch((failure: unknown) => {
        throw isWrong(failure) ? error : failure; // a wrong one hears no more than elsewhere
      });
    }
  }

  /** @throws AppError `rate_limited`, or what the check throws */
  changePassword<T>(user: UserDocument, source: string, currentPassword: string, check: () => Promise<T>): Promise<T> {
    const own = rule(`change-password:${user._id.toHexString()}:${user.tokenVersion}`, FAILURES_PER_NAME_AND_SOURCE);
    const guess = `${user._id.toHexString()}:${currentPassword}`;
    return this.guard.guarded([own, ofSource(source)], guess, 'Too many wrong passwords', check);
  }
}

function rule(key: string, limit: number): Watched {
  return { key, limit, windowMs: WINDOW_MS, countsUnderCheck: true };
}

const ofSource = (source: string) => rule(`login:${source}`, FAILURES_PER_SOURCE);
