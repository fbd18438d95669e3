import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { AuditLogController } from './audit-log.controller';
import { AuditLogRepository } from './audit-log.repository';
import { AUDIT_LOG, auditLogSchema } from './audit-log.schema';

@Module({
  imports: [MongooseModule.forFeature([{ name: AUDIT_LOG, schema: auditLogSchema }])],
  controllers: [AuditLogController],
  providers: [AuditLogRepository],
})
export class AuditLogModule {}
