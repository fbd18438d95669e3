import { Module } from '@nestjs/common';
import { PasswordHashes } from './password-hashes';

@Module({
  providers: [PasswordHashes],
  exports: [PasswordHashes],
})
export class PasswordsModule {}
