import { startApp } from '@agentfleet/platform';
import { executionGatewayApp } from './app';

void startApp(executionGatewayApp);
