import { startApp } from '@agentfleet/platform';
import { clusterAgentApp } from './app';

void startApp(clusterAgentApp);
