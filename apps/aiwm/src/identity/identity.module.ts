import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { ApiKeysModule } from '../api-keys/api-keys.module';
import { LimitsModule } from '../limits/limits.module';
import { OrganizationsModule } from '../organizations/organizations.module';
import { PasswordsModule } from '../passwords/passwords.module';
import { UsersModule } from '../users/users.module';
import { AuthController } from './auth.controller';
import { AuthService } from './auth.service';
import { FirstBoot } from './first-boot';
import { LoginLimits } from './login-limits';
import { LoginPlaceRepository } from './login-place.repository';
import { LOGIN_PLACES, loginPlaceSchema } from './login-place.schema';
import { SigningKeyRepository } from './signing-key.repository';
import { SIGNING_KEYS, signingKeySchema } from './signing-key.schema';
import { TokenSigner } from './token-signer';

@Module({
  imports: [
    MongooseModule.forFeature([{ name: LOGIN_PLACES, schema: loginPlaceSchema }, { name: SIGNING_KEYS, schema: signingKeySchema }]),
    LimitsModule,
    OrganizationsModule,
    ApiKeysModule, // not used here: its routes stand before those of users in the API's description
    PasswordsModule,
    UsersModule,
  ],
  controllers: [AuthController],
  providers: [SigningKeyRepository, LoginPlaceRepository, TokenSigner, FirstBoot, LoginLimits, AuthService],
  exports: [TokenSigner],
})
export class IdentityModule {}
