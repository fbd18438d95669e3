import { bootApp, type RunningApp } from '@agentfleet/platform';
import { FakeAgent, bootReplicas, waitFor, type IdentityFixtures, type TestDatabase } from '@agentfleet/testing';
import { vpsBridgeApp } from '../app';
import { BridgeCaller } from './bridge.fixture';

const STATIC_KEY = 'a-static-key-of-the-bridge';
const FAST = { VPS_BACKOFF_BASE_MS: '5', VPS_BACKOFF_MAX_MS: '10', VPS_CIRCUIT_COOLDOWN_MS: '300', VPS_CIRCUIT_COOLDOWN_MAX_MS: '1000' };

const bootBridges = (env: Readonly<Record<string, string>>) => bootReplicas(bootApp, vpsBridgeApp, 0, env);

/** Two replicas of the bridge on one database, and fake agents registered with them. */
export class TwoBridges {
  readonly agents: FakeAgent[] = [];
  private count = 0;

  private constructor(private readonly fleet: Awaited<ReturnType<typeof bootBridges>>) {}

  static async start(over: Readonly<Record<string, string>> = {}): Promise<TwoBridges> {
    const two = new TwoBridges(await bootBridges({ ...FAST, BRIDGE_API_KEY: STATIC_KEY, ...over }));
    await two.boot();
    await two.boot();
    return two;
  }

  get database(): TestDatabase {
    return this.fleet.database;
  }

  get identity(): IdentityFixtures {
    return this.fleet.identity;
  }

  get replicas(): RunningApp[] {
    return this.fleet.all;
  }

  /** One more replica. */
  async boot(env: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
    const replica = await this.fleet.boot(env);
    await waitFor('the bus', () => replica.services.bus.isUp);
    return replica;
  }

  /** One more replica, which never reaches Redis. */
  bootWithoutBus(): Promise<RunningApp> {
    return this.fleet.boot({ REDIS_URL: 'redis://127.0.0.1:1' });
  }

  /** Ends one replica as SIGTERM would. */
  end(replica: RunningApp): Promise<void> {
    return this.fleet.stop(replica);
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
    const agent = await this.fakeAgent(...behaviours);
    return { name: await this.registered(agent, registration), agent };
  }

  /** A fake agent that nobody knows yet. */
  async fakeAgent(...behaviours: Parameters<typeof FakeAgent.start>): Promise<FakeAgent> {
    const agent = await FakeAgent.start(...behaviours);
    this.agents.push(agent);
    return agent;
  }

  /** Registers it. @returns its name */
  async registered(agent: FakeAgent, over: object = {}, name = this.unique('agent')): Promise<string> {
    const { status, body } = await this.one.register(name, agent.port, over);
    if (status !== 201) throw new Error(JSON.stringify(body));
    return name;
  }

  unique(prefix: string): string {
    return `${prefix}-${++this.count}`;
  }

  async stop(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.stop()));
    await this.fleet.close();
  }
}
