import type { AgentRevokedNotice, KeyNotice, OrganizationDeletedNotice, UserRevokedNotice } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { OnNotice } from '../bus/on-notice';
import { LiveCallers } from './live-callers';
import { IdentityStore } from '../identity/identity-store';
import { TokenVerifier } from '../identity/token-verifier';

/** When a credential changes: first what is cached of it is dropped, then the connections that it opened are checked. */
@Controller()
export class RevocationController {
  constructor(
    private readonly store: IdentityStore,
    private readonly tokens: TokenVerifier,
    private readonly live: LiveCallers,
  ) {}

  @OnNotice('key.revoked')
  keyRevoked(notice: KeyNotice): Promise<void> {
    return this.recheckKey(notice);
  }

  @OnNotice('key.rotated')
  keyRotated(notice: KeyNotice): Promise<void> {
    return this.recheckKey(notice);
  }

  @OnNotice('key.changed')
  keyChanged(notice: KeyNotice): Promise<void> {
    return this.recheckKey(notice);
  }

  @OnNotice('user.revoked')
  userRevoked({ userId }: UserRevokedNotice): Promise<void> {
    this.store.forgetUser(userId);
    return this.live.recheck(({ kind, id }) => kind === 'user' && id === userId);
  }

  @OnNotice('agent.revoked')
  agentRevoked(notice: AgentRevokedNotice): void {
    this.live.agentRevoked(notice);
  }

  @OnNotice('organization.deleted')
  organizationDeleted({ orgId }: OrganizationDeletedNotice): Promise<void> {
    this.store.forgetOrganization(orgId);
    return this.live.recheck((caller) => caller.orgId === orgId);
  }

  @OnNotice('signing-keys.changed')
  signingKeysChanged(): void {
    this.store.forgetSigningKeys();
    this.tokens.forgetAll();
  }

  private recheckKey({ keyId }: KeyNotice): Promise<void> {
    this.store.forgetKey(keyId);
    return this.live.recheck(({ kind, id }) => kind === 'key' && id === keyId);
  }
}
