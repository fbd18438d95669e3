import { Module } from '@nestjs/common';
import { ModelCatalog } from './model-catalog';
import { ModelsController, ModelsV1Controller } from './models.controller';

@Module({ controllers: [ModelsController, ModelsV1Controller], providers: [ModelCatalog], exports: [ModelCatalog] })
export class ModelsModule {}
