import { startApp } from '@agentfleet/platform';
import { aiwmApp } from './app';

void startApp(aiwmApp);
