import { IdempotencyModule } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { OrganizationRepository } from './organization.repository';
import { ORGANIZATIONS, organizationSchema } from './organization.schema';
import { OrganizationsController } from './organizations.controller';
import { OrganizationsService } from './organizations.service';

@Module({
  imports: [MongooseModule.forFeature([{ name: ORGANIZATIONS, schema: organizationSchema }]), IdempotencyModule],
  controllers: [OrganizationsController],
  providers: [OrganizationRepository, OrganizationsService],
  exports: [OrganizationRepository],
})
export class OrganizationsModule {}
