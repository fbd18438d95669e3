import { CurrentCaller, NoBody, Needs, Public, validationFailed, type Caller } from '@agentfleet/platform';
import { Body, Controller, Get, Header, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { ApiErrors } from '../resources/api-docs';
import { ChangePasswordDto, LoginDto, LogoutDto, ProfileDto, RefreshDto, TokensDto } from './auth.dto';
import { AuthService } from './auth.service';
import { IdentityRepository } from './identity.repository';

@ApiTags('identity')
@Controller()
export class AuthController {
  constructor(
    private readonly auth: AuthService,
    private readonly repository: IdentityRepository,
  ) {}

  @Post('auth/login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Public()
  @ApiOkResponse({ type: TokensDto })
  @ApiErrors(400, 401, 413, 415, 429, 503)
  login(@Body() body: LoginDto, @Req() request: FastifyRequest): Promise<TokensDto> {
    const username = body.username ?? body.email;
    if (username === undefined) throw validationFailed([{ field: 'username', message: 'must be a string' }]);
    return this.auth.login(username, body.password, request.context.sourceAddress ?? 'unknown');
  }

  @Post('auth/refresh-token')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Public()
  @ApiOkResponse({ type: TokensDto })
  @ApiErrors(400, 401, 413, 415, 503)
  refresh(@Body() body: RefreshDto): Promise<TokensDto> {
    return this.auth.refresh(body.refreshToken);
  }

  @Post('auth/logout')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Needs('user:self')
  @ApiBody({ type: LogoutDto, required: false })
  @ApiOkResponse({ schema: { type: 'object', properties: { success: { type: 'boolean' } } } })
  @ApiErrors(400, 401, 403, 503)
  logout(@CurrentCaller() caller: Caller, @Body() body: LogoutDto): Promise<{ success: true }> {
    return this.auth.logout(caller, body.refreshToken);
  }

  @Get('auth/profile')
  @NoBody()
  @Header('Cache-Control', 'no-store')
  @Needs('user:self')
  @ApiOkResponse({ type: ProfileDto })
  @ApiErrors(401, 403, 503)
  profile(@CurrentCaller() caller: Caller): Promise<ProfileDto> {
    return this.auth.profile(caller);
  }

  @Post('auth/change-password')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Needs('user:self')
  @ApiOkResponse({ type: TokensDto })
  @ApiErrors(400, 401, 403, 413, 415, 503)
  changePassword(@CurrentCaller() caller: Caller, @Body() body: ChangePasswordDto): Promise<TokensDto> {
    return this.auth.changePassword(caller, body.currentPassword, body.newPassword);
  }

  /** Public keys that verify users' and agents' tokens. */
  @Get('.well-known/jwks.json')
  @Public()
  @ApiOkResponse({ schema: { type: 'object', properties: { keys: { type: 'array', items: { type: 'object' } } } } })
  async jwks(): Promise<{ keys: readonly object[] }> {
    const keys = await this.repository.liveSigningKeys(new Date());
    return { keys: keys.map(({ _id, publicJwk }) => ({ ...publicJwk, kid: _id, use: 'sig', alg: 'ES256' })) };
  }
}
