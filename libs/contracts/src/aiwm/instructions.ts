import type { AiwmTenantFields } from './tenant';

export const AIWM_INSTRUCTION_STATUSES = ['active', 'inactive'] as const;
export type AiwmInstructionStatus = (typeof AIWM_INSTRUCTION_STATUSES)[number];

/** Body of `POST /instructions`. */
export interface AiwmInstructionCreate {
  readonly name: string;
  readonly systemPrompt: string;
  readonly description?: string;
  readonly guidelines?: readonly string[];
  readonly tags?: readonly string[];
  readonly status?: AiwmInstructionStatus;
}
export type AiwmInstructionUpdate = Partial<AiwmInstructionCreate>;
export interface AiwmInstruction extends AiwmTenantFields, Required<AiwmInstructionCreate> {
  readonly _id: string;
}
