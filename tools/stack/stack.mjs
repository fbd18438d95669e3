import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createKeeper } from '../servers/keeper-client.mjs';
import { startDatabases } from '../servers/databases.mjs';
import { ROOT } from '../workspace/paths.mjs';
import { accepts } from '../workspace/ports.mjs';
import { UserError } from '../workspace/progress.mjs';
import { waitUntil } from '../workspace/run.mjs';
import { markLog, restartDelayMs, restartText, superviseApp } from './app-process.mjs';
import { processEnvironment } from './apps.mjs';
import { requireValidVariables } from './checks.mjs';
import { workingPassword } from './administrator.mjs';
import { obtainClusterToken } from './cluster-token.mjs';
import { comeback, waitForReady } from './readiness.mjs';
import { databaseCredentials } from './secrets.mjs';
import { stackDocument, writeStackFile } from './stack-file.mjs';

const READY_LIMIT_MS = 120_000;
/** The bridge gives running calls 10 s, and needs up to 3 s more to end. */
const STOP_APPS_MS = 13_000;

/** How an app is started. */
const commandOf = ({ name }) => ({ file: process.execPath, args: [join(ROOT, 'dist/apps', name, 'main.js')], cwd: ROOT });

/**
 * A running stack: databases and apps of one DATA_DIR.
 * @param context `{plan, variables, dataDirectory, secrets, toldNotes: of misspelled variables, resetAdminPassword, mayInstall, progress}`
 * @param onFatal called when it cannot go on (the databases' keeper died)
 */
export function createStack(context, onFatal) {
  const { plan, variables, dataDirectory, secrets, progress } = context;
  const logs = join(dataDirectory, 'logs');
  const stackFile = join(dataDirectory, 'stack.json');
  const state = { databases: undefined, keeper: undefined, apps: new Map(), pids: new Map(), health: new Map(), clusterToken: undefined, admin: undefined, complete: false, stopping: false, fatal: undefined, restarts: new Map() };

  const environmentOf = (entry) =>
    processEnvironment(entry, plan, {
      variables,
      mongodbUri: state.databases?.mongodbUri ?? variables.MONGODB_URI ?? 'mongodb://127.0.0.1:27017/agentfleet',
      redisUrl: state.databases?.redisUrl ?? variables.REDIS_URL ?? 'redis://127.0.0.1:6379',
      dataDirectory,
      secrets: secrets.values,
    });

  /** Only at the first boot: an app that is started again later must not undo a change made meanwhile. */
  function resetVariable(entry) {
    const wanted = context.resetAdminPassword && entry.id === 'aiwm' && !state.complete;
    return wanted ? { AIWM_RESET_ADMIN_PASSWORD: secrets.values.AIWM_ADMIN_PASSWORD } : {};
  }

  const document = () =>
    stackDocument({ plan, pids: state.pids, ...state.databases, secrets: { ...secrets.values, AIWM_ADMIN_PASSWORD: state.admin?.password ?? null }, clusterToken: state.clusterToken });

  /** The first reason counts: what follows from it would only hide it. */
  function fatal(problem) {
    if (state.fatal) return;
    state.fatal = problem;
    onFatal(problem);
  }

  function publish() {
    try {
      writeStackFile(stackFile, document());
    } catch (error) {
      fatal(`${stackFile} cannot be written (${error.message}); stopping`);
    }
  }

  function superviseServers() {
    for (const server of state.databases.servers) {
      state.keeper.onExitOf(server.id, ({ code, signal }) => {
        if (!existsSync(server.data)) return fatal(`${server.id} ended, since ${dataDirectory} was removed while the stack was running; stopping. What was in it is gone; npm start begins anew`);
        const deaths = (state.restarts.get(server.id) ?? 0) + 1;
        state.restarts.set(server.id, deaths);
        const delayMs = restartDelayMs(deaths);
        progress.line(`${server.id} ended (${signal ?? `exit code ${code}`}); starting it again ${restartText(delayMs)} (logs: ${logs})`);
        setTimeout(() => {
          if (!state.stopping) restartServer(server).catch((error) => progress.line(`${server.id}: ${error.message}`));
        }, delayMs);
        setTimeout(() => state.restarts.set(server.id, 0), 60_000).unref();
      });
    }
  }

  async function restartServer(server) {
    const pid = await state.keeper.start(server);
    const isOver = () => state.stopping || state.keeper.pids.get(server.id) !== pid;
    const accepted = await waitUntil(async () => isOver() || (await accepts(server.port)), READY_LIMIT_MS);
    if (accepted && !isOver()) progress.line(`${server.id} accepts connections again (pid ${pid})`);
  }

  function startApp(entry, onDeath) {
    const log = join(logs, `${entry.id}.log`);
    const mark = markLog(log);
    const app = superviseApp(
      { id: entry.id, ...commandOf(entry), env: () => ({ ...environmentOf(entry), ...resetVariable(entry) }), log },
      {
        spawned(pid, isRestart) {
          state.pids.set(entry.id, pid);
          state.keeper.outlive([...state.pids.values()]);
          if (state.complete) publish();
          if (isRestart) void tellWhenReady(entry, pid);
        },
        died: (how) => onDeath(`${entry.id} ${how} while it started. The end of ${log}:\n${mark.lastLines(15) || '  (empty)'}`),
        restarting: progress.line,
      },
    );
    state.apps.set(entry.id, app);
    app.start();
    return mark;
  }

  async function tellWhenReady(entry, pid) {
    const isOver = () => state.stopping || state.pids.get(entry.id) !== pid;
    const text = await comeback(entry, pid, { timeoutMs: READY_LIMIT_MS, isOver });
    if (text) progress.line(text);
  }

  async function startApps() {
    let failure;
    const marks = new Map(plan.map((entry) => [entry.id, startApp(entry, (text) => (failure ??= text))]));
    await Promise.all(
      plan.map(async (entry) => {
        const result = await waitForReady(entry.url, { timeoutMs: READY_LIMIT_MS, givenUp: () => failure ?? (state.stopping ? 'stopped' : undefined) });
        if (!result.ready) throw new UserError(failure ?? `${entry.id}: ${result.reason}. The end of its log in ${logs}:\n${marks.get(entry.id).lastLines(15)}`);
        state.health.set(entry.id, result.status);
      }),
    );
    for (const app of state.apps.values()) app.ready();
  }

  async function ensureClusterToken() {
    const { urls } = document();
    const result = await obtainClusterToken({ kept: secrets.kept.cluster_token, urls, accessToken: state.admin.accessToken });
    state.clusterToken = result.token;
    if (result.made) secrets.save({ cluster_token: result.token });
    if (result.problem) progress.line(`No cluster token: ${result.problem}`);
  }

  async function check() {
    // without the password of a reset: it is that of AIWM_ADMIN_PASSWORD, about which the complaint should be
    const notes = await requireValidVariables(plan, commandOf, environmentOf);
    for (const note of notes) if (!context.toldNotes.includes(note)) progress.line(`Note: ${note}`);
  }

  return {
    stackFile,
    logs,
    document,
    health: state.health,
    databases: () => state.databases,
    /** What is known of the administrator's password: `{password, which}` (administrator.mjs). */
    admin: () => state.admin,
    /** Only looks whether the variables are good. */
    check,
    /** Brings everything up; throws a UserError when something does not come up (call `stop` then). */
    async start() {
      rmSync(stackFile, { force: true });
      state.keeper = createKeeper();
      void state.keeper.gone.then((reason) => !state.stopping && fatal(`the process that keeps the databases ${reason ? `failed (${reason})` : 'was killed'}; stopping`));
      const [databases] = await Promise.all([
        startDatabases({ directory: dataDirectory, logs, variables, progress, keeper: state.keeper, credentials: databaseCredentials(secrets), mayInstall: context.mayInstall }),
        check(),
      ]);
      state.databases = databases;
      superviseServers();
      await progress.step('Starting the apps', startApps);
      state.admin = await workingPassword(document().urls.aiwm, secrets);
      await ensureClusterToken();
      state.complete = true;
      publish();
    },
    /** Apps (≤ 13 s), then Redis, then MongoDB. */
    async stop() {
      state.stopping = true;
      rmSync(stackFile, { force: true });
      await Promise.all([...state.apps.values()].map((app) => app.stop(STOP_APPS_MS)));
      await state.keeper?.stop();
    },
    /** Does not wait for anything in the apps; the databases still end cleanly, they need about a second. */
    hurry() {
      for (const app of state.apps.values()) app.kill();
    },
  };
}
