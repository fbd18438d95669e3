import { startApp } from '@agentfleet/platform';
import { vpsBridgeApp } from './app';

void startApp(vpsBridgeApp);
