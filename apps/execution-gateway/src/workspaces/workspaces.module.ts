import { Module } from '@nestjs/common';
import { Workspaces } from './workspaces';

@Module({ providers: [Workspaces], exports: [Workspaces] })
export class WorkspacesModule {}
