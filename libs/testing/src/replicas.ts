import { HttpCaller } from './http-caller';
import { IdentityFixtures } from './identity-fixtures';
import { testDatabase, type TestDatabase } from './test-database';

type Variables = Readonly<Record<string, string>>;

/** What a spec needs of a booted app; the platform's `RunningApp` is one. */
interface Booted {
  readonly url: string;
  readonly services: { readonly lifecycle: { whenReady(): Promise<void> } };
  close(): Promise<void>;
}

/** `bootApp` of the platform, which this lib may not import. */
type Boot<Definition, App extends Booted> = (definition: Definition, options: { readonly env: Variables }) => Promise<App>;

/** Replicas of one app on a database of their own, and identity as AIWM would have written it. */
export class Replicas<Definition, App extends Booted> {
  readonly all: App[] = [];

  constructor(
    readonly database: TestDatabase,
    readonly identity: IdentityFixtures,
    /** Of every replica; its log is silent. */
    readonly env: Variables,
    private readonly bootApp: Boot<Definition, App>,
    private readonly definition: Definition,
  ) {}

  /** One more replica, ready. */
  async boot(env: Variables = {}): Promise<App> {
    const app = await this.bootApp(this.definition, { env: { ...this.env, ...env } });
    this.all.push(app);
    await app.services.lifecycle.whenReady();
    return app;
  }

  /** The replica of that number, from 0. */
  at(index: number): App {
    const app = this.all[index];
    if (!app) throw new Error(`There is no replica ${index}`);
    return app;
  }

  get first(): App {
    return this.at(0);
  }

  /** Speaks to one replica, the first one by default. */
  http(headers: Variables = {}, index = 0): HttpCaller {
    return new HttpCaller(this.at(index).url, headers);
  }

  /** Ends one replica as SIGTERM would. */
  async stop(app: App): Promise<void> {
    this.all.splice(this.all.indexOf(app), 1);
    await app.close();
  }

  /** Ends all replicas and drops the database. */
  async close(): Promise<void> {
    await Promise.all(this.all.map((app) => app.close()));
    await this.database.drop();
  }
}

/**
 * A database of its own, and `count` replicas of an app on it, all ready:
 * `beforeAll(async () => { fleet = await bootReplicas(bootApp, clusterAgentApp, 2); }); afterAll(() => fleet.close());`
 */
export async function bootReplicas<Definition, App extends Booted>(bootApp: Boot<Definition, App>, definition: Definition, count = 1, env: Variables = {}): Promise<Replicas<Definition, App>> {
  const database = await testDatabase();
  const replicas = new Replicas(database, new IdentityFixtures(database.db), { ...database.env, LOG_LEVEL: 'silent', ...env }, bootApp, definition);
  for (let number = 0; number < count; number++) await replicas.boot();
  return replicas;
}
