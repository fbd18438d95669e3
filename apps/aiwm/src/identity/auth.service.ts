import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { PLATFORM_NOTICES, type AiwmSuccess, type UserRevokedNotice } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Audit, Bus, ENV, IdentityStore, Metrics, Transactions, validationFailed, type Caller } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { hash } from 'bcrypt';
import type { Counter } from 'prom-client';
import type { AiwmEnv } from '../env';
import { FailureGuard } from '../limits/failure-guard';
import type { ProfileDto, TokensDto } from './auth.dto';
import { IdentityRepository } from './identity.repository';
import type { UserDocument } from './identity.schema';
import { PASSWORD_ROUNDS, passwordMatches } from './passwords';
import { passwordProblem } from './password-rules';
import { TokenSigner } from './token-signer';

const FAILURES_PER_WINDOW = 10;
const FAILURE_WINDOW_MS = 15 * 60_000;
/** A spent refresh token is good for this long after its first use: the answer may have been lost. */
const REUSE_GRACE_MS = 10_000;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const wrongCredentials = () => new AppError('invalid_credentials', { message: 'Username or password is wrong' });

function loginResult(error: unknown): 'invalid' | 'limited' | 'failed' {
  if (!(error instanceof AppError)) return 'failed';
  return error.code === 'invalid_credentials' ? 'invalid' : error.code === 'rate_limited' ? 'limited' : 'failed';
}

/** Logins of people: short access tokens and refresh tokens that rotate. */
@Injectable()
export class AuthService {
  private readonly logins: Counter<'result'>;

  constructor(
    private readonly repository: IdentityRepository,
    private readonly signer: TokenSigner,
    private readonly store: IdentityStore,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    private readonly guard: FailureGuard,
    metrics: Metrics,
    @Inject(ENV) private readonly env: AiwmEnv,
  ) {
    this.logins = metrics.counter({ name: 'aiwm_logins_total', help: 'Logins by result: ok, invalid, limited; failed when AIWM itself could not answer', labelNames: ['result'] });
  }

  async login(username: string, password: string, source: string): Promise<TokensDto> {
    const watched = { key: `login:${sha256(username.toLowerCase())}:${source}`, limit: FAILURES_PER_WINDOW, windowMs: FAILURE_WINDOW_MS };
    try {
      const tokens = await this.guard.guarded([watched], password, 'Too many failed logins; try again later', () => this.attempt(username, password));
      this.logins.inc({ result: 'ok' });
      return tokens;
    } catch (error) {
      this.logins.inc({ result: loginResult(error) });
      throw error;
    }
  }

  async refresh(token: string): Promise<TokensDto> {
    const now = new Date();
    const found = await this.repository.useRefreshToken(sha256(token), now);
    if (!found || found.expiresAt <= now || found.revokedAt !== null) throw new AppError('unauthenticated', { message: 'The refresh token is not valid' });
    if (found.usedAt !== null && now.getTime() - found.usedAt.getTime() > REUSE_GRACE_MS) {
      await this.repository.revokeFamily(found.familyId, now);
      throw new AppError('token_revoked', { message: 'The refresh token was used before; log in again' });
    }
    const user = await this.repository.userById(found.userId);
    if (!user || user.status !== 'active' || user.tokenVersion !== found.tokenVersion) throw new AppError('token_revoked');
    return this.issue(user, found.familyId);
  }

  /** Ends the sessions that began with the same login as the given refresh token, or all when none is given. */
  async logout(caller: Caller, refreshToken: string | undefined): Promise<AiwmSuccess> {
    const now = new Date();
    if (refreshToken === undefined) await this.repository.revokeAllOf(caller.id, now);
    else {
      const found = await this.repository.useRefreshToken(sha256(refreshToken), now);
      if (found?.userId === caller.id) await this.repository.revokeFamily(found.familyId, now);
    }
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
  async changePassword(caller: Caller, currentPassword: string, newPassword: string): Promise<TokensDto> {
    const user = await this.userOf(caller);
    if (!(await passwordMatches(currentPassword, user.passwordHash))) throw wrongCredentials();
    const problem = passwordProblem(newPassword, user.username);
    if (problem !== undefined) throw validationFailed([{ field: 'newPassword', message: problem }]);
    const passwordHash = await hash(newPassword, PASSWORD_ROUNDS);
    const changed = await this.transactions.run(async (transaction) => {
      const after = await this.repository.setPassword(user._id, passwordHash, transaction);
      const target = { type: 'user', id: caller.id, name: user.username };
      await this.audit.record(transaction, { caller, orgId: user.orgId, action: 'user.change_password', target, fields: ['password'] });
      transaction.afterCommit(() => this.revoked(user, after?.tokenVersion ?? user.tokenVersion + 1));
      return after;
    });
    if (!changed) throw new AppError('token_revoked');
    await this.repository.revokeAllOf(caller.id, new Date());
    return this.issue(changed, randomUUID());
  }

  private async attempt(username: string, password: string): Promise<TokensDto> {
    const user = await this.repository.userByName(username);
    const matches = await passwordMatches(password, user?.passwordHash);
    if (!user || !matches || user.status !== 'active') throw wrongCredentials();
    return this.issue(user, randomUUID());
  }

  private revoked(user: UserDocument, tokenVersion: number): void {
    const userId = user._id.toHexString();
    this.store.forgetUser(userId);
    const notice: UserRevokedNotice = { orgId: user.orgId, userId, tokenVersion, at: new Date().toISOString() };
    this.bus.notify(PLATFORM_NOTICES.userRevoked, notice);
  }

  private async userOf(caller: Caller): Promise<UserDocument> {
    const user = caller.kind === 'user' ? await this.repository.userById(caller.id) : undefined;
    if (!user) throw new AppError('forbidden', { message: 'This route is for users; log in first' });
    return user;
  }

  private async issue(user: UserDocument, familyId: string): Promise<TokensDto> {
    const userId = user._id.toHexString();
    const { username, status, roles, orgId, tokenVersion } = user;
    const expiresIn = this.env.USER_TOKEN_TTL_SECONDS;
    const refreshExpiresIn = this.env.REFRESH_TOKEN_TTL_SECONDS;
    const refreshToken = randomBytes(32).toString('base64url');
    await this.repository.insertRefreshToken({
      _id: sha256(refreshToken),
      familyId,
      userId,
      tokenVersion,
      expiresAt: new Date(Date.now() + refreshExpiresIn * 1000),
      usedAt: null,
      revokedAt: null,
    });
    const accessToken = this.signer.userToken({ userId, username, status, roles, orgId, tokenVersion }, expiresIn);
    return { accessToken, expiresIn, refreshToken, refreshExpiresIn, tokenType: 'bearer' };
  }
}
