import { IdempotencyModule } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { AgentRecordsModule } from '../agent-records/agent-records.module';
import { NodeRepository } from './node.repository';
import { NODES, nodeSchema } from './node.schema';
import { NodesController } from './nodes.controller';
import { NodesService } from './nodes.service';

@Module({
  imports: [MongooseModule.forFeature([{ name: NODES, schema: nodeSchema }]), AgentRecordsModule, IdempotencyModule],
  controllers: [NodesController],
  providers: [NodeRepository, NodesService],
  exports: [NodeRepository],
})
export class NodesModule {}
