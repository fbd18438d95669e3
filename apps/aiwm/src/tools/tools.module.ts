import { IdempotencyModule } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { AgentRecordsModule } from '../agent-records/agent-records.module';
import { ToolRepository } from './tool.repository';
import { TOOLS, toolSchema } from './tool.schema';
import { ToolsController } from './tools.controller';
import { ToolsService } from './tools.service';

@Module({
  imports: [MongooseModule.forFeature([{ name: TOOLS, schema: toolSchema }]), AgentRecordsModule, IdempotencyModule],
  controllers: [ToolsController],
  providers: [ToolRepository, ToolsService],
  exports: [ToolRepository],
})
export class ToolsModule {}
