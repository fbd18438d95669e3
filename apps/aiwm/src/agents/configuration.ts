import type { InstructionDocument } from '../instructions/instruction.schema';
import type { ToolDocument } from '../tools/tool.schema';

const NO_INSTRUCTION = 'No instruction configured for this agent.';

export interface DeliveredTool {
  readonly _id: string;
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly category: string;
  readonly status: string;
  readonly schema: unknown;
}

export interface McpServer {
  readonly type: string;
  readonly url: string;
}

/** What an agent is handed, beside its settings (contract section 5). */
export interface Configuration {
  readonly instruction: string;
  readonly tools: readonly DeliveredTool[];
  readonly mcpServers?: Readonly<Record<string, McpServer>>;
}

function renderInstruction(instruction: InstructionDocument | undefined): string {
  if (!instruction) return NO_INSTRUCTION;
  if (instruction.guidelines.length === 0) return instruction.systemPrompt;
  const lines = instruction.guidelines.map((guideline, index) => `${index + 1}. ${guideline}`);
  return `${instruction.systemPrompt}\n\n## Guidelines\n${lines.join('\n')}`;
}

function renderMcpServers(tools: readonly ToolDocument[]): Record<string, McpServer> {
  const servers = new Map<string, McpServer>();
  for (const tool of tools) {
    if (tool.type !== 'mcp' || tool.endpoint === null || tool.transport === null) continue;
    let name = tool.name;
    for (let n = 2; servers.has(name); n++) name = `${tool.name}-${n}`;
    servers.set(name, { type: tool.transport, url: tool.endpoint });
  }
  return Object.fromEntries(servers);
}

/** Pure: usable instruction and tools (live, active, visible; any order) to what the agent gets, in the order of its ids. */
export function renderConfiguration(
  instruction: InstructionDocument | undefined,
  tools: readonly ToolDocument[],
  allowedToolIds: readonly string[],
): Configuration {
  const byId = new Map(tools.map((tool) => [tool._id.toHexString(), tool]));
  const ordered = allowedToolIds.flatMap((id) => byId.get(id) ?? []);
  const mcpServers = renderMcpServers(ordered);
  return {
    instruction: renderInstruction(instruction),
    tools: ordered.map((tool) => ({
      _id: tool._id.toHexString(),
      name: tool.name,
      type: tool.type,
      description: tool.description,
      category: tool.category,
      status: tool.status,
      schema: JSON.parse(tool.schema),
    })),
    ...(Object.keys(mcpServers).length > 0 ? { mcpServers } : {}),
  };
}
