import type {
  AiwmChangePasswordBody,
  AiwmJwk,
  AiwmJwks,
  AiwmLoginBody,
  AiwmLogoutBody,
  AiwmProfile,
  AiwmRefreshBody,
  AiwmTokens,
} from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';
import { Optional, Text } from '../api/validation';

export class LoginDto implements AiwmLoginBody {
  @Optional() @Text({ min: 1, max: 254, example: 'admin@localhost' })
  username?: string;

  /** Accepted in place of `username`. */
  @Optional() @Text({ min: 1, max: 254 })
  email?: string;

  @Text({ min: 1, max: 1024, example: '<AIWM_ADMIN_PASSWORD in the secrets.json of npm start>' })
  password!: string;
}

export class RefreshDto implements AiwmRefreshBody {
  @Text({ min: 1, max: 512 })
  refreshToken!: string;
}

export class LogoutDto implements AiwmLogoutBody {
  /** Ends the sessions that began with the same login; absent: all of the user. */
  @Optional() @Text({ min: 1, max: 512 })
  refreshToken?: string;
}

export class ChangePasswordDto implements AiwmChangePasswordBody {
  @Text({ min: 1, max: 1024 })
  currentPassword!: string;

  @Text({ min: 8, max: 72 })
  newPassword!: string;
}

export class TokensDto implements AiwmTokens {
  accessToken!: string;
  /** Seconds. */
  @ApiProperty({ type: 'integer', example: 3600 })
  expiresIn!: number;
  refreshToken!: string;
  /** Seconds. */
  @ApiProperty({ type: 'integer', example: 604_800 })
  refreshExpiresIn!: number;
  @ApiProperty({ enum: ['bearer'] })
  tokenType!: 'bearer';
}

export class ProfileDto implements Documented<AiwmProfile> {
  _id!: string;
  username!: string;
  fullname!: string;
  status!: string;
  roles!: string[];
  orgId!: string;
}

/** Public keys, RFC 7517. */
export class JwksDto implements AiwmJwks {
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: { type: 'string' } } })
  keys!: readonly AiwmJwk[];
}

/** Nothing that works: whoever tries it out is told where the real one is. */
const PASSWORD_PLACE = '<AIWM_ADMIN_PASSWORD in the secrets.json of npm start>';
example(LoginDto, { username: 'admin@localhost', password: PASSWORD_PLACE });
example(RefreshDto, { refreshToken: 'vN2…' });
example(LogoutDto, { refreshToken: 'vN2…' });
example(ChangePasswordDto, { currentPassword: PASSWORD_PLACE, newPassword: 'a quiet long password' });
example(TokensDto, { accessToken: EXAMPLE.TOKEN, expiresIn: 3600, refreshToken: 'vN2…', refreshExpiresIn: 604_800, tokenType: 'bearer' });
example(ProfileDto, { _id: EXAMPLE.USER, username: 'admin@localhost', fullname: '', status: 'active', roles: ['universe.owner'], orgId: EXAMPLE.ORG });
example(JwksDto, { keys: [{ kty: 'EC', crv: 'P-256', x: '…', y: '…', kid: '…', use: 'sig', alg: 'ES256' }] });
