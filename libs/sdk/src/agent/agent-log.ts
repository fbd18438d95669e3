/** Where the client writes; a pino logger fits. */
import { wallClockMs } from './system-clock';
export interface AgentLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

const SHOWN_CHARACTERS = 10;
const KEPT_TOKENS = 16;

/** The first 10 characters of a secret at most, and never more than half of it. */
export function cutSecret(secret: string): string {
  return `${secret.slice(0, Math.min(SHOWN_CHARACTERS, Math.floor(secret.length / 2)))}…`;
}

/** JSON lines on stderr, since stdout may belong to the agent. */
export const stderrLog: AgentLog = {
  info: (fields, text) => writeLine('info', fields, text),
  warn: (fields, text) => writeLine('warn', fields, text),
  error: (fields, text) => writeLine('error', fields, text),
};

function writeLine(level: string, fields: object, text: string): void {
  process.stderr.write(`${JSON.stringify({ level, at: new Date(wallClockMs()).toISOString(), ...fields, text })}\n`);
}

/** A log that shortens every secret it was told of, wherever it turns up. */
export class SecretSafeLog implements AgentLog {
  private tokens: readonly string[] = [];

  /** @param secret the agent's own; "" when it has none. */
  constructor(
    private readonly log: AgentLog,
    private readonly secret: string,
  ) {}

  /** From now on; the newest few are kept, as an old one may turn up in a late error. */
  hideToken(token: string): void {
    this.tokens = [token, ...this.tokens].slice(0, KEPT_TOKENS);
  }

  info(fields: object, text: string): void {
    this.log.info(this.clean(fields), this.cleanText(text));
  }

  warn(fields: object, text: string): void {
    this.log.warn(this.clean(fields), this.cleanText(text));
  }

  error(fields: object, text: string): void {
    this.log.error(this.clean(fields), this.cleanText(text));
  }

  private clean(fields: object): object {
    return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? this.cleanText(value) : value]));
  }

  private cleanText(text: string): string {
    const secrets = this.secret === '' ? this.tokens : [this.secret, ...this.tokens];
    return secrets.reduce((cleaned, secret) => cleaned.replaceAll(secret, cutSecret(secret)), text);
  }
}
