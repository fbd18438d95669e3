import { createHash, randomUUID } from 'node:crypto';
import { AppError } from '@agentfleet/errors';
import { CLOCK, FieldCipher, validationFailed, type Clock, type Transaction } from '@agentfleet/platform';
import { applyDecorators, Inject, Injectable, SetMetadata, UseInterceptors, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { firstValueFrom, from, type Observable } from 'rxjs';
import { runUnderClaim } from './current-claim';
import { IdempotencyRepository } from './idempotency.repository';

const ANSWER_LIFE_MS = 24 * 3_600_000;
const SECRET_ANSWER_LIFE_MS = 10 * 60_000;
const WAIT_MS = 10_000;
const POLL_MS = 50;
const CIPHER_CONTEXT = 'idempotency_keys.answer';
const HOLDS_SECRET = 'aiwm:answer-holds-secret';
const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Answers a retry with the first answer instead of acting again; every answer is kept encrypted. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly repository: IdempotencyRepository,
    private readonly cipher: FieldCipher,
    private readonly reflector: Reflector,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    if (key === undefined) return next.handle();
    if (typeof key !== 'string' || !PRINTABLE.test(key)) {
      throw validationFailed([{ field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }]);
    }
    const holdsSecret = this.reflector.get<boolean | undefined>(HOLDS_SECRET, context.getHandler()) === true;
    return from(this.once(key, request, context.switchToHttp().getResponse<FastifyReply>(), holdsSecret, () => firstValueFrom(next.handle())));
  }

  private async once(key: string, request: FastifyRequest, reply: FastifyReply, holdsSecret: boolean, work: () => Promise<unknown>): Promise<unknown> {
    const { caller } = request;
    if (!caller) throw new Error('Idempotent routes have a caller');
    const id = sha256(JSON.stringify([caller.kind, caller.id, caller.orgId, key]));
    const path = request.url.split('?', 1)[0];
    const fingerprint = sha256(JSON.stringify([request.method, path, request.body ?? {}]));
    const holder = randomUUID();
    const deadline = this.clock.monotonicMs() + WAIT_MS;
    for (;;) {
      const claim = await this.repository.claim(id, fingerprint, holder);
      if (claim.kind === 'claimed') return this.act(id, holder, holdsSecret, work);
      if (claim.record.fingerprint !== fingerprint) {
        throw new AppError('idempotency_mismatch', { message: 'This Idempotency-Key was used with another request; use a new key' });
      }
      if (claim.answer !== undefined) {
        void reply.header('Idempotency-Replayed', 'true');
        return JSON.parse(this.cipher.decrypt(claim.answer, CIPHER_CONTEXT));
      }
      const isDone = claim.record.state === 'done';
      if (isDone || this.clock.monotonicMs() > deadline) throw answerGone(isDone);
      await this.clock.sleep(POLL_MS);
    }
  }

  private async act(id: string, holder: string, holdsSecret: boolean, work: () => Promise<unknown>): Promise<unknown> {
    const lifeMs = holdsSecret ? SECRET_ANSWER_LIFE_MS : ANSWER_LIFE_MS;
    const mark = async (transaction: Transaction, answer: object) => {
      const stored = this.cipher.encrypt(JSON.stringify(answer), CIPHER_CONTEXT);
      if (!(await this.repository.done(id, holder, stored, lifeMs, transaction))) throw answerGone(false);
    };
    try {
      return await runUnderClaim({ mark }, work);
    } catch (error) {
      await this.repository.release(id, holder).catch(() => undefined);
      throw error;
    }
  }
}

function answerGone(isDone: boolean): AppError {
  const message = isDone
    ? 'The first request with this Idempotency-Key was carried out, but its answer is not kept any more; read what it made'
    : 'The first request with this Idempotency-Key is still under way; try again later';
  return new AppError('conflict', { message });
}

/** Accepts `Idempotency-Key`. An answer that holds a secret is kept for 10 minutes only. */
export function Idempotent(options: { readonly holdsSecret?: boolean } = {}): MethodDecorator {
  return applyDecorators(
    SetMetadata(HOLDS_SECRET, options.holdsSecret === true),
    UseInterceptors(IdempotencyInterceptor),
    ApiHeader({ name: 'Idempotency-Key', required: false, description: 'A retry with the same key and body within 24 h gets the first answer again', schema: { type: 'string', maxLength: 255 } }),
  );
}
