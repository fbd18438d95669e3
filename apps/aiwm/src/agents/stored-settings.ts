import { FieldCipher, validationFailed } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import type { AgentDocument } from '../agent-records/agent.schema';
import { restoreSecrets, type Settings } from './settings';

const CONTEXT = 'agents.settings';

/** Agents' settings as they are stored: encrypted JSON text. */
@Injectable()
export class StoredSettings {
  constructor(private readonly cipher: FieldCipher) {}

  of(agent: AgentDocument): Settings {
    return JSON.parse(this.cipher.decrypt(agent.settings, CONTEXT));
  }

  /**
   * The text to store for what is sent; `"[redacted]"` stands for what is stored at its path. What changes nothing keeps the
   * stored text as it is: the same settings encrypted again would look like a change.
   * @throws AppError `validation_failed` when nothing is stored there
   */
  store(given: Settings, before: AgentDocument | undefined): string {
    const present = before ? this.of(before) : {};
    const { settings, problems } = restoreSecrets(given, present);
    const text = JSON.stringify(settings);
    if (before && text === JSON.stringify(present)) return before.settings;
    if (problems.length > 0) throw validationFailed(problems);
    return this.cipher.encrypt(text, CONTEXT);
  }
}
