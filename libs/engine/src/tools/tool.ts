import type { JsonObject } from '@agentfleet/contracts';
import { z } from 'zod';

export interface ToolContext {
  /** Absolute; file tools never leave it. */
  readonly workspaceDir: string;
  readonly signal: AbortSignal;
}

/** What a tool says to the model; a refusal is an outcome, never an exception. */
export interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
}

export interface ToolDeclaration {
  readonly name: string;
  readonly description: string;
  /** JSON schema of the arguments. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

/** A tool that the model may call. */
export interface Tool {
  readonly declaration: ToolDeclaration;
  /** Read-only tools run side by side, and again after a crash. */
  readonly isReadOnly: boolean;
  /** Checks the arguments: the problem as text for the model, or null. */
  problem(input: JsonObject): string | null;
  run(input: JsonObject, context: ToolContext): Promise<ToolAnswer>;
}

export interface ToolDefinition<S extends z.ZodObject> {
  readonly name: string;
  readonly description: string;
  readonly isReadOnly: boolean;
  readonly input: S;
  run(input: z.output<S>, context: ToolContext): Promise<ToolAnswer>;
}

/** Builds a tool from the schema of its arguments. */
export function defineTool<S extends z.ZodObject>(definition: ToolDefinition<S>): Tool {
  const { $schema: _dropped, ...inputSchema } = z.toJSONSchema(definition.input, { io: 'input' });
  return {
    declaration: { name: definition.name, description: definition.description, inputSchema },
    isReadOnly: definition.isReadOnly,
    problem(input) {
      const parsed = definition.input.safeParse(input);
      return parsed.success ? null : `The arguments of ${definition.name} are not valid: ${issues(parsed.error)}`;
    },
    async run(input, context) {
      const parsed = definition.input.safeParse(input);
      if (!parsed.success) return refusal(issues(parsed.error));
      return definition.run(parsed.data, context);
    },
  };
}

function issues(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`).join('; ');
}

export function said(text: string): ToolAnswer {
  return { text, isError: false };
}

export function refusal(text: string): ToolAnswer {
  return { text, isError: true };
}

/** The tools of one run, by name. */
export class Toolset {
  readonly names: readonly string[];
  private readonly byName: ReadonlyMap<string, Tool>;

  constructor(tools: readonly Tool[]) {
    this.byName = new Map(tools.map((tool) => [tool.declaration.name, tool]));
    this.names = [...this.byName.keys()];
  }

  get(name: string): Tool | undefined {
    return this.byName.get(name);
  }

  declarations(): readonly ToolDeclaration[] {
    return [...this.byName.values()].map((tool) => tool.declaration);
  }
}
