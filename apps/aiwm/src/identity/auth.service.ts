import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { AiwmSuccess } from '@agentfleet/contracts';
import { AppError, type AppErrorCode } from '@agentfleet/errors';
import { Changes, CLOCK, ENV, IdentityStore, LOG, Metrics, Transactions, validationFailed, type Caller, type Clock, type Log, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { Counter } from 'prom-client';
import type { AiwmEnv } from '../env';
import { PasswordHashes } from '../passwords/password-hashes';
import { RefreshTokenRepository } from '../users/refresh-token.repository';
import type { RefreshTokenDocument } from '../users/refresh-token.schema';
import { UserRepository } from '../users/user.repository';
import type { UserDocument } from '../users/user.schema';
import type { ProfileDto, TokensDto } from './auth.dto';
import { LoginLimits } from './login-limits';
import { PASSWORD_ROUNDS, passwordMatches } from '../passwords/passwords';
import { passwordProblem } from '../passwords/password-rules';
import { TokenSigner } from './token-signer';

/** A spent refresh token is good for this long after its first use: the answer may have been lost. */
const REUSE_GRACE_MS = 10_000;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const wrongCredentials = () => new AppError('invalid_credentials', { message: 'Username or password is wrong' });

const RESULTS: Partial<Record<AppErrorCode, string>> = { invalid_credentials: 'invalid', rate_limited: 'limited', overloaded: 'overloaded' };

function loginResult(error: unknown): string {
  return (error instanceof AppError ? RESULTS[error.code] : undefined) ?? 'failed';
}

/** Why a refresh token is refused; undefined when it is good. */
function refusalOf(found: RefreshTokenDocument | undefined, now: Date): 'invalid' | 'reused' | undefined {
  if (!found || found.expiresAt <= now || found.revokedAt !== null) return 'invalid';
  return found.usedAt !== null && now.getTime() - found.usedAt.getTime() > REUSE_GRACE_MS ? 'reused' : undefined;
}

/** Logins of people: short access tokens and refresh tokens that rotate. */
@Injectable()
export class AuthService {
  private readonly logins: Counter<'result'>;

  constructor(
    private readonly users: UserRepository,
    private readonly refreshTokens: RefreshTokenRepository,
    private readonly signer: TokenSigner,
    private readonly store: IdentityStore,
    private readonly transactions: Transactions,
    private readonly changes: Changes,
    private readonly limits: LoginLimits,
    private readonly hashes: PasswordHashes,
    metrics: Metrics,
    @Inject(ENV) private readonly env: AiwmEnv,
    @Inject(LOG) private readonly log: Log,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.logins = metrics.counter({ name: 'aiwm_logins_total', help: 'Logins by result: ok, invalid, limited, overloaded; failed when AIWM itself could not answer', labelNames: ['result'] });
  }

  async login(username: string, password: string, source: string): Promise<TokensDto> {
    let user: UserDocument | undefined;
    try {
      user = await this.users.byName(username);
      const tokens = await this.limits.login({ username, user, source, password }, (lane) => this.attempt(user, password, lane));
      this.logins.inc({ result: 'ok' });
      return tokens;
    } catch (error) {
      const result = loginResult(error);
      this.logins.inc({ result });
      // of a name that nobody has not even the name: people type their password there
      this.log.info({ result, user: user?._id.toHexString() ?? null, source }, 'Login refused');
      throw error;
    }
  }

  async refresh(token: string): Promise<TokensDto> {
    const now = new Date(this.clock.now());
    // one transaction: a logout at the same time finds the new token, or the use finds that the old one is revoked
    const tokens = await this.transactions.run(async (transaction) => {
      const found = await this.refreshTokens.use(sha256(token), now, transaction);
      const refusal = refusalOf(found, now);
      if (!found || refusal === 'invalid') throw new AppError('unauthenticated', { message: 'The refresh token is not valid' });
      if (refusal === 'reused') {
        await this.refreshTokens.revokeFamily(found.familyId, now, transaction);
        return undefined; // an error would undo the revocation
      }
      const user = await this.users.byId(found.userId);
      if (!user || user.status !== 'active' || user.tokenVersion !== found.tokenVersion) throw new AppError('token_revoked');
      return this.issue(user, found.familyId, transaction);
    });
    if (!tokens) throw new AppError('token_revoked', { message: 'The refresh token was used before; log in again' });
    return tokens;
  }

  /** Ends the sessions that began with the same login as the given refresh token, or all when none is given. */
  async logout(caller: Caller, refreshToken: string | undefined): Promise<AiwmSuccess> {
    const now = new Date(this.clock.now());
    await this.transactions.run(async (transaction) => {
      if (refreshToken === undefined) return this.refreshTokens.revokeAllOf(caller.id, now, transaction);
      const found = await this.refreshTokens.find(sha256(refreshToken), transaction);
      if (found?.userId === caller.id) await this.refreshTokens.revokeFamily(found.familyId, now, transaction);
    });
    return { success: true };
  }

  async profile(caller: Caller): Promise<ProfileDto> {
    const user = await this.userOf(caller);
    return {
      _id: user._id.toHexString(),
      username: user.username,
      fullname: user.fullname,
      status: user.status,
      roles: [...user.roles],
      orgId: caller.orgId,
    };
  }

  /** Ends all other sessions of the user; the answer holds a new one. */
  async changePassword(caller: Caller, source: string, currentPassword: string, newPassword: string): Promise<TokensDto> {
    const user = await this.userOf(caller);
    const lane = `caller:${caller.id}`;
    await this.limits.changePassword(user, source, currentPassword, async () => {
      if (!(await passwordMatches(this.hashes, lane, currentPassword, user.passwordHash))) throw wrongCredentials();
    });
    const problem = passwordProblem(newPassword, user.username);
    if (problem !== undefined) throw validationFailed([{ field: 'newPassword', message: problem }]);
    const passwordHash = await this.hashes.make(lane, newPassword, PASSWORD_ROUNDS);
    const changed = await this.changes.run(caller, 'user.change_password', async (transaction) => {
      const at = new Date(this.clock.now());
      const after = await this.users.setPassword(caller.id, passwordHash, at, transaction);
      if (!after) throw new AppError('token_revoked');
      const { orgId, tokenVersion } = after;
      await this.refreshTokens.revokeAllOf(caller.id, at, transaction);
      transaction.afterCommit(() => this.store.forgetUser(caller.id));
      transaction.notify('user.revoked', { orgId, userId: caller.id, tokenVersion, at: at.toISOString() });
      return { value: after, audit: { orgId, target: { type: 'user', id: caller.id, name: user.username }, fields: ['password'] } };
    });
    return this.issue(changed, randomUUID());
  }

  private async attempt(user: UserDocument | undefined, password: string, lane: string): Promise<TokensDto> {
    const matches = await passwordMatches(this.hashes, lane, password, user?.passwordHash);
    if (!user || !matches || user.status !== 'active') throw wrongCredentials();
    return this.issue(user, randomUUID());
  }

  private async userOf(caller: Caller): Promise<UserDocument> {
    const user = caller.kind === 'user' ? await this.users.byId(caller.id) : undefined;
    if (!user) throw new AppError('forbidden', { message: 'This route is for users; log in first' });
    return user;
  }

  private async issue(user: UserDocument, familyId: string, transaction?: Transaction): Promise<TokensDto> {
    const userId = user._id.toHexString();
    const { username, status, roles, orgId, tokenVersion } = user;
    const expiresIn = this.env.USER_TOKEN_TTL_SECONDS;
    const refreshExpiresIn = this.env.REFRESH_TOKEN_TTL_SECONDS;
    const refreshToken = randomBytes(32).toString('base64url');
    const expiresAt = new Date(this.clock.now() + refreshExpiresIn * 1000);
    const record = { _id: sha256(refreshToken), familyId, userId, tokenVersion, expiresAt, usedAt: null, revokedAt: null };
    await this.refreshTokens.insert(record, transaction);
    const accessToken = this.signer.userToken({ userId, username, status, roles, orgId, tokenVersion }, expiresIn);
    return { accessToken, expiresIn, refreshToken, refreshExpiresIn, tokenType: 'bearer' };
  }
}
