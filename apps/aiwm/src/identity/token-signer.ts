import { createHash, createPrivateKey, createPublicKey, randomUUID, type KeyObject } from 'node:crypto';
import type { AgentTokenClaims, SigningKeyRecord, UserTokenClaims } from '@agentfleet/contracts';
import { CLOCK, ENV, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { JwtService } from '@nestjs/jwt';
import { privateKeyPem, type AiwmEnv } from '../env';

type PublicJwk = SigningKeyRecord['publicJwk'];

export interface AgentSubject {
  readonly agentId: string;
  readonly orgId: string;
  readonly tokenVersion: number;
  readonly configRevision: number;
  /** `jti`. */
  readonly tokenId: string;
}
export interface UserSubject {
  readonly userId: string;
  readonly username: string;
  readonly status: string;
  readonly roles: readonly string[];
  readonly orgId: string;
  readonly tokenVersion: number;
}

function publicJwkOf(privateKey: KeyObject): PublicJwk {
  const { kty, crv, x, y } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (kty === undefined || crv === undefined || x === undefined || y === undefined) throw new Error('JWT_PRIVATE_KEY is no P-256 key');
  return { kty, crv, x, y };
}

/** RFC 7638: the hash of the required members in alphabetical order. */
function thumbprint({ kty, crv, x, y }: PublicJwk): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

/** Signs tokens with `JWT_PRIVATE_KEY`, ES256; the only place that has a private key. */
@Injectable()
export class TokenSigner {
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  private readonly jwt: JwtService;

  constructor(
    @Inject(ENV) env: AiwmEnv,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    const privateKey = createPrivateKey(privateKeyPem(env.JWT_PRIVATE_KEY ?? '')); // once: parsing costs more than signing
    this.publicJwk = publicJwkOf(privateKey);
    this.kid = thumbprint(this.publicJwk);
    this.jwt = new JwtService({ privateKey, signOptions: { algorithm: 'ES256', keyid: this.kid } });
  }

  agentToken(subject: AgentSubject, expiresInSeconds: number): string {
    const claims: AgentTokenClaims = {
      iss: 'aiwm',
      aud: 'agent',
      type: 'agent',
      sub: subject.agentId,
      agentId: subject.agentId,
      username: `agent:${subject.agentId}`,
      status: 'active',
      roles: ['agent'],
      orgId: subject.orgId,
      userId: '',
      groupId: '',
      tokenVersion: subject.tokenVersion,
      configRevision: subject.configRevision,
      ...this.times(expiresInSeconds),
      jti: subject.tokenId,
    };
    return this.jwt.sign({ ...claims });
  }

  userToken(subject: UserSubject, expiresInSeconds: number): string {
    const { userId, username, status, roles, orgId, tokenVersion } = subject;
    const identity = { sub: userId, username, status, roles, orgId, tokenVersion };
    const claims: UserTokenClaims = { iss: 'aiwm', aud: 'user', ...identity, ...this.times(expiresInSeconds) };
    return this.jwt.sign({ ...claims });
  }

  private times(expiresInSeconds: number) {
    const iat = Math.floor(this.clock.now() / 1000);
    return { jti: randomUUID(), iat, exp: iat + expiresInSeconds };
  }
}
