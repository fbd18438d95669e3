import { PLATFORM_NOTICES } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { IdentityStore } from './identity-store';
import { TokenVerifier } from './token-verifier';

/** Reads one text field of a notice; notices come from outside the process and may be anything. */
function textOf(payload: unknown, field: string): string | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const value: unknown = Object.entries(payload).find(([name]) => name === field)?.[1];
  return typeof value === 'string' ? value : undefined;
}

/** Drops what is cached of a credential as soon as a notice says that it changed. */
@Controller()
export class RevocationController {
  constructor(
    private readonly store: IdentityStore,
    private readonly tokens: TokenVerifier,
  ) {}

  @EventPattern(PLATFORM_NOTICES.keyRevoked)
  keyRevoked(@Payload() notice: unknown): void {
    this.forgetKey(notice);
  }

  @EventPattern(PLATFORM_NOTICES.keyRotated)
  keyRotated(@Payload() notice: unknown): void {
    this.forgetKey(notice);
  }

  @EventPattern(PLATFORM_NOTICES.keyChanged)
  keyChanged(@Payload() notice: unknown): void {
    this.forgetKey(notice);
  }

  @EventPattern(PLATFORM_NOTICES.userRevoked)
  userRevoked(@Payload() notice: unknown): void {
    const userId = textOf(notice, 'userId');
    if (userId !== undefined) this.store.forgetUser(userId);
  }

  @EventPattern(PLATFORM_NOTICES.organizationDeleted)
  organizationDeleted(@Payload() notice: unknown): void {
    const orgId = textOf(notice, 'orgId');
    if (orgId !== undefined) this.store.forgetOrganization(orgId);
  }

  @EventPattern(PLATFORM_NOTICES.signingKeysChanged)
  signingKeysChanged(): void {
    this.store.forgetSigningKeys();
    this.tokens.forgetAll();
  }

  private forgetKey(notice: unknown): void {
    const keyId = textOf(notice, 'keyId');
    if (keyId !== undefined) this.store.forgetKey(keyId);
  }
}
