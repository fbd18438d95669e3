import { IdempotencyModule } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { OrganizationsModule } from '../organizations/organizations.module';
import { PasswordsModule } from '../passwords/passwords.module';
import { RefreshTokenRepository } from './refresh-token.repository';
import { REFRESH_TOKENS, refreshTokenSchema } from './refresh-token.schema';
import { UserRepository } from './user.repository';
import { USERS, userSchema } from './user.schema';
import { UsersController } from './users.controller';
import { UsersService } from './users.service';

@Module({
  imports: [
    MongooseModule.forFeature([{ name: USERS, schema: userSchema }, { name: REFRESH_TOKENS, schema: refreshTokenSchema }]),
    IdempotencyModule,
    OrganizationsModule,
    PasswordsModule,
  ],
  controllers: [UsersController],
  providers: [UserRepository, RefreshTokenRepository, UsersService],
  exports: [UserRepository, RefreshTokenRepository],
})
export class UsersModule {}
