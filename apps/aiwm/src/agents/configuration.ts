import type { AiwmDelivered, AiwmMcpServer } from '@agentfleet/contracts';
import type { InstructionDocument } from '../instructions/instruction.schema';
import type { Documented } from '../api/documented';
import type { ToolDocument } from '../tools/tool.schema';

const NO_INSTRUCTION = 'No instruction configured for this agent.';

/** What an agent is handed, beside its settings (contract section 5). */
export type Configuration = Pick<Documented<AiwmDelivered>, 'instruction' | 'tools' | 'mcpServers'>;

function renderInstruction(instruction: InstructionDocument | undefined): string {
  if (!instruction) return NO_INSTRUCTION;
  if (instruction.guidelines.length === 0) return instruction.systemPrompt;
  const lines = instruction.guidelines.map((guideline, index) => `${index + 1}. ${guideline}`);
  return `${instruction.systemPrompt}\n\n## Guidelines\n${lines.join('\n')}`;
}

function renderMcpServers(tools: readonly ToolDocument[]): Record<string, AiwmMcpServer> {
  const servers = new Map<string, AiwmMcpServer>();
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
