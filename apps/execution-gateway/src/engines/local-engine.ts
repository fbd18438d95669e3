import { randomInt } from 'node:crypto';
import { listDir, readFile, runAgent, Toolset, type EngineItem, type EngineMessage, type EngineModel, type RunProgress, type Tool } from '@agentfleet/engine';
import type { ToolPolicy } from '@agentfleet/contracts';
import { CLOCK, ENV, LOG, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionGatewayEnv } from '../env';
import { GatewayMetrics } from '../metrics';

const SYSTEM_PROMPT =
  'You are an agent that works in a directory of files with the tools you are given. Do what the user asks, use tools when they help, and answer briefly and truthfully.';

/** What a model takes when nobody said it; then the provider decides. */
const ASSUMED_CONTEXT_TOKENS = 100_000;

const WORKSPACE_TOOLS: readonly Tool[] = [listDir, readFile];

export interface LocalRun {
  readonly runId: string;
  readonly sessionId: string;
  readonly model: EngineModel;
  readonly workspaceDir: string;
  readonly toolPolicy: ToolPolicy;
  readonly transcript: readonly EngineMessage[];
  readonly progress: RunProgress;
  readonly maxIterations: number;
  readonly maxTokens: number | null;
  readonly signal: AbortSignal;
}

/** The engine `local`: the agent loop of libs/engine in this process. */
@Injectable()
export class LocalEngine {
  constructor(
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: GatewayMetrics,
    @Inject(LOG) private readonly log: Log,
  ) {}

  run(run: LocalRun): AsyncGenerator<EngineItem, void> {
    const { runId, model, workspaceDir, transcript, progress, signal } = run;
    return runAgent({
      runId,
      model,
      system: SYSTEM_PROMPT,
      tools: new Toolset(offeredTools(run.toolPolicy)),
      workspaceDir,
      transcript,
      progress,
      limits: {
        maxIterations: run.maxIterations,
        maxTokens: run.maxTokens,
        contextTokens: this.env.MODEL_CONTEXT_TOKENS ?? ASSUMED_CONTEXT_TOKENS,
        isContextAssumed: this.env.MODEL_CONTEXT_TOKENS === undefined,
        toolResultMaxBytes: this.env.GATEWAY_TOOL_RESULT_MAX_BYTES,
      },
      signal,
      clock: this.clock,
      newCallId,
      observer: {
        modelCall: (outcome) => this.metrics.modelRequests.inc({ model: model.name, outcome }),
        toolCall: (tool, outcome) => this.metrics.toolCalls.inc({ tool: WORKSPACE_TOOLS.some((known) => known.declaration.name === tool) ? tool : 'unknown', outcome }),
        toolFailure: (tool, error) => this.log.error({ err: error, tool, run_id: runId, session_id: run.sessionId }, 'A tool failed'),
      },
    });
  }
}

const ID_CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** Nine letters and digits: the one form of a call's id that every provider takes. */
function newCallId(): string {
  return Array.from({ length: 9 }, () => ID_CHARACTERS[randomInt(ID_CHARACTERS.length)]).join('');
}

/** The tools that a policy lets a run have: exact name, then the longest prefix with `*`, then the default. */
export function offeredTools(policy: ToolPolicy): readonly Tool[] {
  return WORKSPACE_TOOLS.filter((tool) => decision(policy, tool.declaration.name) !== 'deny');
}

function decision(policy: ToolPolicy, name: string): 'auto' | 'ask' | 'deny' {
  const exact = Object.hasOwn(policy.tools, name) ? policy.tools[name] : undefined;
  if (exact) return exact;
  const prefixes = Object.entries(policy.tools).filter(([rule]) => rule.endsWith('*') && name.startsWith(rule.slice(0, -1)));
  const longest = prefixes.sort(([a], [b]) => b.length - a.length)[0];
  return longest?.[1] ?? policy.default;
}
