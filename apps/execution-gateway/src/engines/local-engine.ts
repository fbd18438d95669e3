import { randomInt } from 'node:crypto';
import type { SessionInfoData, ToolPolicy } from '@agentfleet/contracts';
import { listDir, readFile, runAgent, Toolset, type EngineItem, type EngineMessage, type EngineObserver, type Tool } from '@agentfleet/engine';
import { CLOCK, ENV, LOG, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionGatewayEnv } from '../env';
import { GatewayMetrics } from '../metrics';
import { ModelCatalog } from '../models/model-catalog';
import { Workspaces } from '../workspaces/workspaces';
import type { Engine, EngineProblem, EngineTask } from './engine';

const SYSTEM_PROMPT =
  'You are an agent that works in a directory of files with the tools you are given. Do what the user asks, use tools when they help, and answer briefly and truthfully.';

/** What a model takes when nobody said it; then the provider decides. */
const ASSUMED_CONTEXT_TOKENS = 100_000;

const WORKSPACE_TOOLS: readonly Tool[] = [listDir, readFile];
const NOT_YET = ['WriteFile', 'EditFile', 'Glob', 'Grep', 'Bash'];

/** The engine `local`: the agent loop of libs/engine in this process. */
@Injectable()
export class LocalEngine implements Engine {
  readonly name = 'local';

  constructor(
    private readonly models: ModelCatalog,
    private readonly workspaces: Workspaces,
    private readonly metrics: GatewayMetrics,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {}

  offer(policy: ToolPolicy): Pick<SessionInfoData, 'tools' | 'notices'> {
    const notices = NOT_YET.map((tool) => ({ tool, message: `${tool} is not offered: this version has ListDir and ReadFile only.` }));
    return { tools: offeredTools(policy).map((tool) => tool.declaration.name), notices };
  }

  async prepare({ modelName, workspaceDir, sessionId }: EngineTask): Promise<EngineProblem | undefined> {
    if (!this.models.find(modelName)) {
      const missing =
        modelName === undefined
          ? 'No model is configured. Set MODEL_BASE_URL and MODEL_NAME, or GATEWAY_SCRIPTED_MODEL=auto.'
          : `The model "${modelName}" of this session is not configured any more.`;
      return { code: 'model_not_configured', message: missing };
    }
    try {
      await this.workspaces.make(workspaceDir);
      return undefined;
    } catch (error) {
      this.log.warn({ err: error, session_id: sessionId }, 'The workspace of a run cannot be used');
      return { code: 'workspace_unavailable', message: 'The workspace directory of the session cannot be used. Check that it is a directory and that the server may write to it.' };
    }
  }

  run(task: EngineTask, transcript: readonly EngineMessage[]): AsyncGenerator<EngineItem, void> {
    const { runId, workspaceDir, progress, signal } = task;
    const model = this.models.find(task.modelName);
    if (!model) throw new Error('The model went away after it was looked for');
    return runAgent({
      runId,
      model,
      system: SYSTEM_PROMPT,
      tools: new Toolset(offeredTools(task.toolPolicy)),
      workspaceDir,
      transcript,
      progress,
      limits: {
        maxIterations: task.maxIterations,
        maxTokens: task.maxTokens ?? null,
        contextTokens: this.env.MODEL_CONTEXT_TOKENS ?? ASSUMED_CONTEXT_TOKENS,
        isContextAssumed: this.env.MODEL_CONTEXT_TOKENS === undefined,
        toolResultMaxBytes: this.env.GATEWAY_TOOL_RESULT_MAX_BYTES,
      },
      signal,
      clock: this.clock,
      newCallId,
      observer: this.observer(task, model.name),
    });
  }

  private observer({ runId, sessionId }: EngineTask, model: string): EngineObserver {
    return {
      modelCall: (outcome, usage) => this.metrics.modelRequested(model, outcome, usage),
      toolCall: (tool, outcome) => this.metrics.toolCalls.inc({ tool: WORKSPACE_TOOLS.some((known) => known.declaration.name === tool) ? tool : 'unknown', outcome }),
      toolFailure: (tool, error) => this.log.error({ err: error, tool, run_id: runId, session_id: sessionId }, 'A tool failed'),
    };
  }
}

const ID_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Nine letters and digits: the one form of a call's id that every provider takes. */
function newCallId(): string {
  return Array.from({ length: 9 }, () => ID_CHARACTERS[randomInt(ID_CHARACTERS.length)]).join('');
}

/** The tools that a policy lets a run have: exact name, then the longest prefix with `*`, then the default. */
function offeredTools(policy: ToolPolicy): readonly Tool[] {
  return WORKSPACE_TOOLS.filter((tool) => decision(policy, tool.declaration.name) !== 'deny');
}

function decision(policy: ToolPolicy, name: string): 'auto' | 'ask' | 'deny' {
  const exact = Object.hasOwn(policy.tools, name) ? policy.tools[name] : undefined;
  if (exact) return exact;
  const prefixes = Object.entries(policy.tools).filter(([rule]) => rule.endsWith('*') && name.startsWith(rule.slice(0, -1)));
  const longest = prefixes.sort(([a], [b]) => b.length - a.length)[0];
  return longest?.[1] ?? policy.default;
}
