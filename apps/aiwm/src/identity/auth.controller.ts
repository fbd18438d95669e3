import type { AiwmJwk } from '@agentfleet/contracts';
import { CLOCK, CurrentCaller, NoBody, Needs, Public, validationFailed, type Caller, type Clock } from '@agentfleet/platform';
import { Body, Controller, Get, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { SmallBody } from '../limits/small-body';
import { Sources } from '../limits/sources';
import { ApiAnswer, ApiErrors, ApiTakes } from '../api/api-docs';
import { SuccessDto } from '../api/page.dto';
import { ChangePasswordDto, JwksDto, LoginDto, LogoutDto, ProfileDto, RefreshDto, TokensDto } from './auth.dto';
import { AuthService } from './auth.service';
import { SigningKeyRepository } from './signing-key.repository';

@ApiTags('auth')
@Controller()
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly signingKeys: SigningKeyRepository,
    private readonly sources: Sources,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Logs a person in.
   * @remarks The first administrator is AIWM_ADMIN_EMAIL (admin@localhost); npm start keeps the password in secrets.json of its data folder and says where that is.
   */
  @Post('auth/login')
  @HttpCode(200)
  @SmallBody()
  @Header('Cache-Control', 'no-store')
  @Public()
  @ApiTakes(LoginDto)
  @ApiAnswer(TokensDto)
  @ApiErrors(400, 401, 413, 415, 429, 503)
  login(@Body() body: LoginDto, @Req() request: FastifyRequest): Promise<TokensDto> {
    const username = body.username ?? body.email;
    if (username === undefined) throw validationFailed([{ field: 'username', message: 'must be a string' }]);
    return this.auth.login(username, body.password, this.sources.of(request));
  }

  /** Exchanges a refresh token for new tokens; the old one is spent. */
  @Post('auth/refresh-token')
  @HttpCode(200)
  @SmallBody()
  @Header('Cache-Control', 'no-store')
  @Public()
  @ApiTakes(RefreshDto)
  @ApiAnswer(TokensDto)
  @ApiErrors(400, 401, 413, 415, 503)
  refresh(@Body() body: RefreshDto): Promise<TokensDto> {
    return this.auth.refresh(body.refreshToken);
  }

  /** Ends the caller's sessions. */
  @Post('auth/logout')
  @HttpCode(200)
  @SmallBody()
  @Header('Cache-Control', 'no-store')
  @Needs('user:self')
  @ApiTakes(LogoutDto, false)
  @ApiAnswer(SuccessDto)
  @ApiErrors(400, 401, 403, 413, 415, 503)
  logout(@CurrentCaller() caller: Caller, @Body() body: LogoutDto): Promise<{ success: true }> {
    return this.auth.logout(caller, body.refreshToken);
  }

  /** Who the caller is. */
  @Get('auth/profile')
  @NoBody()
  @Header('Cache-Control', 'no-store')
  @Needs('user:self')
  @ApiAnswer(ProfileDto)
  @ApiErrors(401, 403, 503)
  profile(@CurrentCaller() caller: Caller): Promise<ProfileDto> {
    return this.auth.profile(caller);
  }

  /** Sets a new password and ends all other sessions. */
  @Post('auth/change-password')
  @HttpCode(200)
  @SmallBody()
  @Header('Cache-Control', 'no-store')
  @Needs('user:self')
  @ApiTakes(ChangePasswordDto)
  @ApiAnswer(TokensDto)
  @ApiErrors(400, 401, 403, 413, 415, 503)
  changePassword(@CurrentCaller() caller: Caller, @Body() body: ChangePasswordDto, @Req() request: FastifyRequest): Promise<TokensDto> {
    return this.auth.changePassword(caller, this.sources.of(request), body.currentPassword, body.newPassword);
  }

  /** Public keys that verify users' and agents' tokens. */
  @Get('.well-known/jwks.json')
  @Public()
  @ApiAnswer(JwksDto)
  @ApiErrors(503)
  async jwks(): Promise<{ keys: readonly object[] }> {
    const keys = await this.signingKeys.findLive(new Date(this.clock.now()));
    return { keys: keys.map(({ _id, publicJwk }): AiwmJwk => ({ ...publicJwk, kid: _id, use: 'sig', alg: 'ES256' })) };
  }
}
