import { Module } from '@nestjs/common';
import { MetricsModule } from '../metrics';
import { ModelsModule } from '../models/models.module';
import { WorkspacesModule } from '../workspaces/workspaces.module';
import { Engines } from './engines';
import { LocalEngine } from './local-engine';

@Module({ imports: [MetricsModule, ModelsModule, WorkspacesModule], providers: [Engines, LocalEngine], exports: [Engines] })
export class EnginesModule {}
