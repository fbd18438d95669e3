import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { addressProblems } from '../servers/addresses.mjs';
import { buildIfNeeded } from '../workspace/build.mjs';
import { installIfNeeded } from '../workspace/install.mjs';
import { dataDirectory, ROOT } from '../workspace/paths.mjs';
import { createProgress, UserError } from '../workspace/progress.mjs';
import { endActive } from '../workspace/run.mjs';
import { planProcesses } from './apps.mjs';
import { flagsEatenByNpm, HELP, parseArguments } from './arguments.mjs';
import { requireFreePorts } from './checks.mjs';
import { knownVariables, misspelledNotes } from './known-variables.mjs';
import { lockDataDirectory } from './lock.mjs';
import { newerNodeNote } from './newer-node.mjs';
import { passwordNotice, readyReport } from './report.mjs';
import { newPassword, openSecrets } from './secrets.mjs';
import { createStack } from './stack.mjs';

/** `npm start`: see HELP in arguments.mjs. Ends the process by itself. */
export async function main(args) {
  // A closed terminal must not end us before everything else has been stopped.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const progress = createProgress();
  const session = createSession(progress);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => session.signalled(signal));
  if (process.env.npm_lifecycle_event) endWithParent(session);
  try {
    const eaten = flagsEatenByNpm(process.env);
    if (eaten) throw new UserError(eaten);
    const options = parseArguments(args);
    if (options.help) process.stdout.write(HELP);
    else await start(options, session, progress);
    if (options.help || options.check) await session.end(0);
  } catch (error) {
    if (session.ending()) return;
    process.stderr.write(`\n${error instanceof UserError ? error.message : (error?.stack ?? String(error))}\n`);
    await session.end(1);
  }
}

/** npm does not pass on the SIGTERM that ends it: without this the stack would live on with nobody to stop it. */
function endWithParent(session) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    if (!session.ending()) session.signalled('npm ended');
  }, 500);
  timer.unref();
}

/** What there is to clean up, and the one way out. */
function createSession(progress) {
  const held = { stack: undefined, lock: undefined, ending: undefined };
  const end = (code) => {
    held.ending ??= (async () => {
      const brokenOff = endActive();
      await held.stack?.stop();
      await brokenOff;
      held.lock?.release();
      process.exit(code);
    })();
    return held.ending;
  };
  return {
    held,
    end,
    ending: () => held.ending !== undefined,
    signalled(signal) {
      if (held.ending) return held.stack?.hurry();
      progress.line(`\nStopping everything (${signal})${held.stack ? '; once more to hurry' : ''} ...`);
      return void end(0);
    },
  };
}

async function start(options, session, progress) {
  const variables = { ...process.env };
  const plan = planProcesses(variables, options.replicas);
  const directory = dataDirectory(variables);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  session.held.lock = lockDataDirectory(directory);
  // first what costs nothing: nobody should wait for an installation to learn that a port is taken or a name misspelled
  const notes = misspelledNotes(variables, knownVariables(ROOT));
  for (const note of notes) progress.line(`Note: ${note}`);
  const newer = await newerNodeNote({ version: process.version, execPath: process.execPath, path: variables.PATH ?? '' });
  if (newer) progress.line(`Note: ${newer}`);
  const malformed = addressProblems(variables);
  if (malformed.length > 0) throw new UserError(malformed.join('\n'));
  await requireFreePorts(plan, variables.HOST || '127.0.0.1', { leftOver: session.held.lock.leftOver, progress });
  await installIfNeeded(ROOT, progress);
  await buildIfNeeded(ROOT, progress);
  const secretsFile = join(directory, 'secrets.json');
  const secrets = openSecrets(secretsFile, variables);
  if (options.resetAdminPassword) resetPassword(secrets, variables);
  const context = { plan, variables, dataDirectory: directory, secrets, toldNotes: notes, resetAdminPassword: options.resetAdminPassword, mayInstall: !options.noInstall, progress };
  const stack = createStack(context, (problem) => {
    progress.line(problem);
    void session.end(1);
  });
  if (options.check) {
    await stack.check();
    return progress.line('Everything is there: npm start will work.');
  }
  session.held.stack = stack;
  await stack.start();
  report({ stack, plan, secrets, secretsFile, variables, reset: options.resetAdminPassword, progress });
}

function resetPassword(secrets, variables) {
  if (variables.AIWM_ADMIN_PASSWORD) return;
  secrets.values.AIWM_ADMIN_PASSWORD = newPassword();
}

function report({ stack, plan, secrets, secretsFile, variables, reset, progress }) {
  const { which } = stack.admin();
  const generated = !variables.AIWM_ADMIN_PASSWORD;
  const showPassword = passwordNotice({ which, generated, reset, shown: secrets.kept.admin_password_shown });
  const servers = [
    ['MongoDB', serverText(variables.MONGODB_URI, stack.databases().mongodbUri, stack.databases().mongod)],
    ['Redis', serverText(variables.REDIS_URL, stack.databases().redisUrl, stack.databases().redisServer)],
    ['', `user and password of both: mongodb_uri and redis_url in ${stack.stackFile}`],
  ];
  const facts = { plan, health: stack.health, document: stack.document(), stackFile: stack.stackFile, secretsFile, logs: stack.logs, servers, showPassword };
  for (const line of readyReport(facts)) progress.line(line);
  if (generated && which === 'used') secrets.save({ AIWM_ADMIN_PASSWORD: secrets.values.AIWM_ADMIN_PASSWORD, admin_password_shown: true });
}

/** Addresses hold passwords, which are in stack.json for tools: only the host is shown. */
function serverText(given, uri, file) {
  const shown = uri.replace(/\/\/[^/@]*@/, '//');
  return given ? shown : `${shown}  (${file})`;
}
