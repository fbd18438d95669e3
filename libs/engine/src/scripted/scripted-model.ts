import { openAiCompatibleModel, type EngineModel } from '../model/model';
import type { ModelTimeouts } from '../model/timed-fetch';
import type { ScriptedModelServer } from './server';

/** What people see as the model when none is configured. */
export const SCRIPTED_MODEL_NAME = 'scripted (no model configured)';

/** The built-in model, asked like any other: over HTTP, with its token. */
export function scriptedModel(server: ScriptedModelServer, timeouts?: ModelTimeouts): EngineModel {
  return openAiCompatibleModel({ name: SCRIPTED_MODEL_NAME, model: 'scripted', baseUrl: server.baseUrl, apiKey: server.token, timeouts });
}
