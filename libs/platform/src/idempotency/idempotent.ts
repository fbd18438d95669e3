import { applyDecorators, Injectable, Module, SetMetadata, UseInterceptors, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { getConnectionToken, MongooseModule } from '@nestjs/mongoose';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Connection } from 'mongoose';
import { firstValueFrom, from, type Observable } from 'rxjs';
import { validationFailed } from '../http/validation';
import { FieldCipher } from '../identity/field-cipher';
import { CLOCK, type Clock } from '../observe/clock';
import { fingerprintOf, IDEMPOTENCY_KEY_RULE } from './idempotency-key';
import { IDEMPOTENCY_KEYS, idempotencySchema } from './idempotency.schema';
import { IdempotentRequests } from './idempotent-requests';

const ANSWER_LIFE_MS = 24 * 3_600_000;
const SECRET_ANSWER_LIFE_MS = 10 * 60_000;
const HOLDS_SECRET = 'agentfleet:answer-holds-secret';

/** Answers a retry with the first answer instead of acting again. */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly requests: IdempotentRequests,
    private readonly reflector: Reflector,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    if (key === undefined) return next.handle();
    if (typeof key !== 'string' || !IDEMPOTENCY_KEY_RULE.accepts(key)) throw validationFailed([{ field: 'Idempotency-Key', message: IDEMPOTENCY_KEY_RULE.says }]);
    const holdsSecret = this.reflector.get<boolean | undefined>(HOLDS_SECRET, context.getHandler()) === true;
    return from(this.answer(key, request, context.switchToHttp().getResponse<FastifyReply>(), holdsSecret, () => firstValueFrom(next.handle())));
  }

  private async answer(key: string, request: FastifyRequest, reply: FastifyReply, holdsSecret: boolean, work: () => Promise<unknown>): Promise<unknown> {
    const { caller } = request;
    if (!caller) throw new Error('Idempotent routes have a caller');
    const id = fingerprintOf(caller.kind, caller.id, caller.orgId, key);
    const path = request.url.split('?', 1)[0] ?? '';
    const body = request.body ?? {};
    const fingerprint = fingerprintOf(request.method, path, body as Parameters<typeof fingerprintOf>[0]); // as the JSON parser made it
    const { kind, answer } = await this.requests.once({ id, fingerprint, answerLifeMs: holdsSecret ? SECRET_ANSWER_LIFE_MS : ANSWER_LIFE_MS }, work);
    if (kind === 'replayed') void reply.header('Idempotency-Replayed', 'true');
    return answer;
  }
}

/** Accepts `Idempotency-Key` (the feature imports `IdempotencyModule`). An answer that holds a secret is kept for 10 minutes only. */
export function Idempotent(options: { readonly holdsSecret?: boolean } = {}): MethodDecorator {
  return applyDecorators(
    SetMetadata(HOLDS_SECRET, options.holdsSecret === true),
    UseInterceptors(IdempotencyInterceptor),
    ApiHeader({ name: 'Idempotency-Key', required: false, description: 'A retry with the same key and body within 24 h gets the first answer again', schema: { type: 'string', maxLength: 255 } }),
  );
}

const requests = {
  provide: IdempotentRequests,
  inject: [getConnectionToken(), FieldCipher, CLOCK],
  useFactory: (connection: Connection, cipher: FieldCipher, clock: Clock) => new IdempotentRequests(connection, cipher, clock),
};

@Module({
  imports: [MongooseModule.forFeature([{ name: IDEMPOTENCY_KEYS, schema: idempotencySchema }])],
  providers: [requests, IdempotencyInterceptor],
  exports: [requests, IdempotencyInterceptor],
})
export class IdempotencyModule {}
