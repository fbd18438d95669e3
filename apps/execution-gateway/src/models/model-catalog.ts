import type { GatewayModelView } from '@agentfleet/contracts';
import { openAiCompatibleModel, SCRIPTED_MODEL_NAME, scriptedModel, startScriptedModelServer, type EngineModel, type ScriptedModelServer } from '@agentfleet/engine';
import { ENV, Lifecycle } from '@agentfleet/platform';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { ExecutionGatewayEnv } from '../env';

const NOT_CONFIGURED = 'none (no model configured)';

/** The models of this deployment: the configured one, or the built-in scripted one. */
@Injectable()
export class ModelCatalog implements OnApplicationShutdown {
  readonly defaultName: string;
  private configured: EngineModel | undefined;
  private server: ScriptedModelServer | undefined;

  constructor(
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    lifecycle: Lifecycle,
  ) {
    this.configured = configuredModel(env);
    const isScripted = this.configured === undefined && env.GATEWAY_SCRIPTED_MODEL === 'auto';
    this.defaultName = this.configured?.name ?? (isScripted ? SCRIPTED_MODEL_NAME : NOT_CONFIGURED);
    if (isScripted) lifecycle.beforeReady('scripted model', () => this.startScripted());
  }

  /** The names that a session may ask for. */
  names(): readonly string[] {
    return this.defaultName === NOT_CONFIGURED ? [] : [this.defaultName];
  }

  /** The model of that name, the default one without; undefined when it is not (or no longer) configured. */
  find(name: string | undefined): EngineModel | undefined {
    return name === undefined || name === this.defaultName ? this.configured : undefined;
  }

  views(): readonly GatewayModelView[] {
    return this.names().map((name) => ({ name, provider: this.env.MODEL_PROVIDER, default: true, prices: null }));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.server?.close();
  }

  private async startScripted(): Promise<void> {
    this.server = await startScriptedModelServer();
    this.configured = scriptedModel(this.server, timeoutsOf(this.env));
  }
}

function configuredModel(env: ExecutionGatewayEnv): EngineModel | undefined {
  const { MODEL_BASE_URL: baseUrl, MODEL_NAME: model, MODEL_API_KEY: apiKey } = env;
  if (baseUrl === undefined || model === undefined) return undefined;
  return openAiCompatibleModel({ name: model, model, baseUrl, apiKey, timeouts: timeoutsOf(env) });
}

function timeoutsOf(env: ExecutionGatewayEnv) {
  return { firstByteMs: env.MODEL_FIRST_BYTE_TIMEOUT_SECONDS * 1000, stallMs: env.MODEL_STALL_TIMEOUT_SECONDS * 1000 };
}
