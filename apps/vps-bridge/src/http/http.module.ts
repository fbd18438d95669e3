import { Module } from '@nestjs/common';
import { StrictUrl } from './strict-url';

/** What the bridge wants of requests beside what every app does. */
@Module({ providers: [StrictUrl] })
export class HttpModule {}
