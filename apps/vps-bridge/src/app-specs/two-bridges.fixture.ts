import { bootApp, type RunningApp } from '@agentfleet/platform';
import { FakeAgent, IdentityFixtures, type TestDatabase, testDatabase, waitFor } from '@agentfleet/testing';
import { vpsBridgeApp } from '../app';
import { BridgeCaller } from './bridge.fixture';

const STATIC_KEY = 'a-static-key-of-the-bridge';
const FAST = { VPS_BACKOFF_BASE_MS: '5', VPS_BACKOFF_MAX_MS: '10', VPS_CIRCUIT_COOLDOWN_MS: '300', VPS_CIRCUIT_COOLDOWN_MAX_MS: '1000' };

/** Two replicas of the bridge on one database, and fake agents registered with them. */
export class TwoBridges {
  readonly agents: FakeAgent[] = [];
  private count = 0;

  private constructor(
    readonly database: TestDatabase,
    readonly identity: IdentityFixtures,
    readonly replicas: RunningApp[],
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  static async start(over: Readonly<Record<string, string>> = {}): Promise<TwoBridges> {
    const database = await testDatabase();
    const env = { ...database.env, ...FAST, BRIDGE_API_KEY: STATIC_KEY, LOG_LEVEL: 'silent', ...over };
    const two = new TwoBridges(database, new IdentityFixtures(database.db), [], env);
    await two.boot();
    await two.boot();
    return two;
  }

  /** One more replica. */
  async boot(): Promise<RunningApp> {
    const replica = await bootApp(vpsBridgeApp, { env: this.env });
    this.replicas.push(replica);
    await replica.services.lifecycle.whenReady();
    await waitFor('the bus', () => replica.services.bus.isUp);
    return replica;
  }

  get one(): BridgeCaller {
    return this.caller(0);
  }

  get other(): BridgeCaller {
    return this.caller(1);
  }

  caller(replica: number, credentials: Readonly<Record<string, string>> = { 'X-API-Key': STATIC_KEY }): BridgeCaller {
    return new BridgeCaller(this.replicas[replica]?.url ?? '', credentials);
  }

  /** A caller of an organization of its own. */
  async organization(): Promise<BridgeCaller> {
    const orgId = await this.identity.organization();
    const { headers } = await this.identity.apiKey({ scopes: ['vps:manage', 'vps:call'], orgId });
    return this.caller(0, headers);
  }

  /** A fake agent, registered. */
  async agent(...behaviours: Parameters<typeof FakeAgent.start>): Promise<{ name: string; agent: FakeAgent }> {
    return this.agentWith({}, ...behaviours);
  }

  async agentWith(registration: object, ...behaviours: Parameters<typeof FakeAgent.start>): Promise<{ name: string; agent: FakeAgent }> {
    const agent = await FakeAgent.start(...behaviours);
    this.agents.push(agent);
    const name = `agent-${++this.count}`;
    const { status, body } = await this.one.register(name, agent.port, registration);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return { name, agent };
  }

  async stop(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.stop()));
    await Promise.all(this.replicas.map((replica) => replica.close()));
    await this.database.drop();
  }
}
