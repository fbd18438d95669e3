import { readFile } from 'node:fs/promises';
import type { EventListeners } from './agent-events';
import type { SecretSafeLog } from './agent-log';
import type { AgentRecord } from './agent-record';
import type { AiwmRequests } from './aiwm-requests';
import { changedKeys, parseConfiguration, type ConfigurationDocument } from './configuration-document';

const LOCAL: ConfigurationDocument = { instruction: '', tools: [], settings: {}, mcpServers: {}, revision: null };
/** Until there is a first configuration. */
const NOTHING: ConfigurationDocument = { ...LOCAL };

interface ManagerPorts {
  readonly log: SecretSafeLog;
  readonly record: AgentRecord;
  readonly listeners: EventListeners;
  readonly instructionFile: string;
}

/** The configuration in force: AIWM's, or the local one. Tells the agent what a new one changed. */
export class ConfigurationManager {
  private document: ConfigurationDocument = NOTHING;

  constructor(private readonly ports: ManagerPorts) {}

  get current(): ConfigurationDocument {
    return this.document;
  }

  /** Takes AIWM's over. The first one of a process changes nothing: there was none. */
  takeOver(next: ConfigurationDocument): void {
    if (this.replace(next)) this.ports.record.counters.count('aiwm_config_update_total');
  }

  /** Takes the local one, unless the mode that asked for it has ended by then. */
  async takeLocal(signal: AbortSignal): Promise<void> {
    const instruction = await readFile(this.ports.instructionFile, 'utf8').catch(() => '');
    if (!signal.aborted) this.replace({ ...LOCAL, instruction });
  }

  /**
   * Asks AIWM for the revision that a heartbeat's answer named. A server without the route (404) and one that sees no
   * change (304) are fine; on trouble the next heartbeat asks again. `isWanted` decides when the answer is there.
   */
  async fetchFrom(requests: AiwmRequests, token: string, signal: AbortSignal, isWanted: () => boolean): Promise<void> {
    const { revision } = this.document;
    const headers: Record<string, string> = revision === null ? {} : { 'If-None-Match': `"r${revision}"` };
    const result = await requests.send('GET', 'config', { token, headers, signal });
    if (result.kind === 'failed' || result.status !== 200 || !isWanted()) return;
    const parsed = parseConfiguration(result.body);
    if (parsed.ok) this.takeOver(parsed.value);
    else this.ports.log.warn({ problem: parsed.problem }, 'AIWM sent a malformed configuration; keeping the present one');
  }

  /** True when it changed something that an agent had. */
  private replace(next: ConfigurationDocument): boolean {
    const before = this.document;
    this.document = next;
    const keys = changedKeys(before, next);
    if (before === NOTHING || keys.length === 0) return false;
    this.ports.log.info({ changedKeys: keys.join(' '), previousRevision: before.revision, revision: next.revision }, next.revision === null ? 'Local configuration is in force' : 'Configuration changed');
    this.ports.listeners.emit('configuration', { changedKeys: keys, previousRevision: before.revision, revision: next.revision });
    return true;
  }
}
