import { IdempotencyModule } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { AgentRecordsModule } from '../agent-records/agent-records.module';
import { InstructionRepository } from './instruction.repository';
import { INSTRUCTIONS, instructionSchema } from './instruction.schema';
import { InstructionsController } from './instructions.controller';
import { InstructionsService } from './instructions.service';

@Module({
  imports: [MongooseModule.forFeature([{ name: INSTRUCTIONS, schema: instructionSchema }]), AgentRecordsModule, IdempotencyModule],
  controllers: [InstructionsController],
  providers: [InstructionRepository, InstructionsService],
  exports: [InstructionRepository, InstructionsService],
})
export class InstructionsModule {}
