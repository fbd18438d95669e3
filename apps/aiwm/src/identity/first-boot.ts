import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import { Bus, Changes, CLOCK, ENV, IdentityStore, Lifecycle, LOG, SYSTEM_ACTOR, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { AiwmEnv } from '../env';
import { PasswordHashes } from '../passwords/password-hashes';
import { OrganizationRepository } from '../organizations/organization.repository';
import { passwordProblem } from '../passwords/password-rules';
import { passwordMatches, PASSWORD_ROUNDS } from '../passwords/passwords';
import { newUser } from '../users/new-user';
import { RefreshTokenRepository } from '../users/refresh-token.repository';
import { UserRepository } from '../users/user.repository';
import { SigningKeyRepository } from './signing-key.repository';
import { TokenSigner } from './token-signer';

const MAX_RENEWAL_MS = 3_600_000;

/** What has to exist before the first login: the default organization, the signing key, the first administrator. */
@Injectable()
export class FirstBoot implements OnModuleInit {
  constructor(
    private readonly organizations: OrganizationRepository,
    private readonly users: UserRepository,
    private readonly refreshTokens: RefreshTokenRepository,
    private readonly signingKeys: SigningKeyRepository,
    private readonly signer: TokenSigner,
    private readonly store: IdentityStore,
    private readonly lifecycle: Lifecycle,
    private readonly changes: Changes,
    private readonly bus: Bus,
    private readonly hashes: PasswordHashes,
    @Inject(ENV) private readonly env: AiwmEnv,
    @Inject(LOG) private readonly log: Log,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.lifecycle.beforeReady('identity', async () => {
      await this.organizations.ensureDefault(new Date(this.clock.now()));
      await this.publishKey();
      await this.makeAdministrator();
      await this.resetAdministrator();
    });
    this.lifecycle.every('signing key', this.renewalMs, () => this.publishKey());
  }

  private get tokenLifeMs(): number {
    return 1000 * Math.max(this.env.AGENT_TOKEN_TTL_SECONDS, this.env.USER_TOKEN_TTL_SECONDS);
  }

  private get renewalMs(): number {
    return Math.min(MAX_RENEWAL_MS, Math.max(1000, this.tokenLifeMs / 4));
  }

  /**
   * Every replica keeps the key that it signs with alive, so that a key ends one token's life after the last of them, in
   * whatever order replicas with an older and a newer key start and stop.
   */
  private async publishKey(): Promise<void> {
    const validUntil = new Date(this.clock.now() + this.tokenLifeMs + this.renewalMs);
    const isNew = await this.signingKeys.publish(this.signer.kid, this.signer.publicJwk, validUntil, new Date(this.clock.now()));
    if (!isNew) return;
    this.store.forgetSigningKeys();
    this.bus.notify('signing-keys.changed', { kid: this.signer.kid, at: new Date(this.clock.now()).toISOString() });
  }

  private async makeAdministrator(): Promise<void> {
    const { AIWM_ADMIN_EMAIL: username, AIWM_ADMIN_PASSWORD: password } = this.env;
    if (!(await this.users.isEmpty())) {
      if (password !== undefined) void this.lifecycle.whenReady().then(() => this.warnIfIgnored(username, password).catch(() => undefined)); // only a hint
      return;
    }
    if (password === undefined) {
      this.log.warn('There is no user and AIWM_ADMIN_PASSWORD is not set: nobody can log in. Set it and start again.');
      return;
    }
    this.warnIfWeak('AIWM_ADMIN_PASSWORD', password);
    const passwordHash = await this.hashes.make('start', password, PASSWORD_ROUNDS);
    const user = newUser({ username, passwordHash, orgId: DEFAULT_ORGANIZATION_ID, roles: ['universe.owner'], createdBy: 'system' }, new Date(this.clock.now()));
    if (await this.users.insertFirst(user)) this.log.info({ username }, 'Made the first administrator');
  }

  /** Whoever sets the variable later must not think that it is the password. */
  private async warnIfIgnored(username: string, password: string): Promise<void> {
    const user = await this.users.byName(username);
    if (user && (await passwordMatches(this.hashes, 'start', password, user.passwordHash))) return;
    const why = user ? 'the administrator exists and has another password' : 'there are users already, none of them with the address of AIWM_ADMIN_EMAIL';
    this.log.warn({ username }, `AIWM_ADMIN_PASSWORD is ignored: ${why}. A lost password is reset with: npm start -- --reset-admin-password`);
  }

  /** The operator's choice is kept: a refusal would leave nobody who can log in. */
  private warnIfWeak(name: string, password: string): void {
    const problem = passwordProblem(password, this.env.AIWM_ADMIN_EMAIL);
    if (problem !== undefined) this.log.warn(`${name} ${problem}; it is used all the same`);
  }

  /** For an operator who lost the password and can restart the app. */
  private async resetAdministrator(): Promise<void> {
    const password = this.env.AIWM_RESET_ADMIN_PASSWORD;
    if (password === undefined) return;
    const user = await this.users.byName(this.env.AIWM_ADMIN_EMAIL);
    if (!user) {
      this.log.warn('AIWM_RESET_ADMIN_PASSWORD is set, but no user has the address of AIWM_ADMIN_EMAIL');
      return;
    }
    this.warnIfWeak('AIWM_RESET_ADMIN_PASSWORD', password);
    const passwordHash = await this.hashes.make('start', password, PASSWORD_ROUNDS);
    await this.changes.run(SYSTEM_ACTOR, 'user.reset_password', async (transaction) => {
      const now = new Date(this.clock.now());
      const id = user._id.toHexString();
      await this.users.setPassword(id, passwordHash, now, transaction);
      await this.refreshTokens.revokeAllOf(id, now, transaction);
      return { value: undefined, audit: { orgId: user.orgId, target: { type: 'user', id, name: user.username }, fields: ['password'] } };
    });
    this.log.warn("The administrator's password was reset; failed logins before it do not count any more");
  }
}
