import { DEFAULT_ORGANIZATION_ID, PLATFORM_NOTICES, type SigningKeysChangedNotice } from '@agentfleet/contracts';
import { Audit, Bus, ENV, IdentityStore, Lifecycle, LOG, SYSTEM_ACTOR, Transactions, type Log } from '@agentfleet/platform';
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
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    private readonly hashes: PasswordHashes,
    @Inject(ENV) private readonly env: AiwmEnv,
    @Inject(LOG) private readonly log: Log,
  ) {}

  onModuleInit(): void {
    this.lifecycle.beforeReady('identity', async () => {
      await this.organizations.ensureDefault(new Date());
      await this.publishKey();
      const renewal = setInterval(() => void this.publishKey().catch(this.warn), this.renewalMs).unref();
      this.lifecycle.onDrain('signing key', () => clearInterval(renewal));
      await this.makeAdministrator();
      await this.resetAdministrator();
    });
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
    const validUntil = new Date(Date.now() + this.tokenLifeMs + this.renewalMs);
    const isNew = await this.signingKeys.publish(this.signer.kid, this.signer.publicJwk, validUntil, new Date());
    if (!isNew) return;
    this.store.forgetSigningKeys();
    const notice: SigningKeysChangedNotice = { kid: this.signer.kid, at: new Date().toISOString() };
    this.bus.notify(PLATFORM_NOTICES.signingKeysChanged, notice);
  }

  private async makeAdministrator(): Promise<void> {
    const { AIWM_ADMIN_EMAIL: username, AIWM_ADMIN_PASSWORD: password } = this.env;
    if (!(await this.users.isEmpty())) {
      if (password !== undefined) void this.lifecycle.whenReady().then(() => this.tellIfIgnored(username, password).catch(() => undefined)); // only a hint
      return;
    }
    if (password === undefined) {
      this.log.warn('There is no user and AIWM_ADMIN_PASSWORD is not set: nobody can log in. Set it and start again.');
      return;
    }
    this.warnIfWeak('AIWM_ADMIN_PASSWORD', password);
    const passwordHash = await this.hashes.make('start', password, PASSWORD_ROUNDS);
    const user = newUser({ username, passwordHash, orgId: DEFAULT_ORGANIZATION_ID, roles: ['universe.owner'], createdBy: 'system' }, new Date());
    if (await this.users.insertFirst(user)) this.log.info({ username }, 'Made the first administrator');
  }

  /** Whoever sets the variable later must not think that it is the password. */
  private async tellIfIgnored(username: string, password: string): Promise<void> {
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

  private readonly warn = (error: unknown): void => {
    this.log.warn({ err: error }, 'The signing key could not be renewed; it is tried again');
  };

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
    await this.transactions.run(async (transaction) => {
      await this.users.setPassword(user._id.toHexString(), passwordHash, new Date(), transaction);
      await this.refreshTokens.revokeAllOf(user._id.toHexString(), new Date(), transaction);
      const target = { type: 'user', id: user._id.toHexString(), name: user.username };
      await this.audit.record(transaction, { caller: SYSTEM_ACTOR, orgId: user.orgId, action: 'user.reset_password', target, fields: ['password'] });
    });
    this.log.warn("The administrator's password was reset; failed logins before it do not count any more");
  }
}
