/** Lines with their cells in columns. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
}

/**
 * What is printed when everything is ready.
 * @param facts `{plan, health: Map<id, string>, document (stack.json), stackFile, secretsFile, logs, servers: string[], showPassword: 'first'|'reset'|'kept'|'given'|'ignored'|'changed'|'unknown'}`
 */
export function readyReport({ plan, health, document, stackFile, secretsFile, logs, servers, showPassword }) {
  const rows = plan.map((entry) => [entry.id, entry.url, health.get(entry.id) ?? 'unknown']);
  return [
    '',
    ...table([['app', 'url', 'health'], ...rows]),
    '',
    ...table([['Swagger UI', `${document.urls.aiwm}/api-docs   (every app has one)`], ...servers, ['logs', logs]]),
    '',
    ...passwordLines(document.admin, showPassword, secretsFile),
    '',
    'Try next:',
    ...(document.admin.password === null ? [] : [`  ${loginCommand(stackFile, document.urls.aiwm)}`]),
    '  npm run demo',
    '  docs/guides/aiwm.md and docs/guides/bridge.md, command by command',
    '',
    'Ctrl-C stops everything.',
  ];
}

const IGNORED = [
  'AIWM_ADMIN_PASSWORD is ignored: the administrator exists and has another password.',
  'To give it this one:  AIWM_ADMIN_PASSWORD=... npm start -- --reset-admin-password',
];

/**
 * What to say about the password.
 * @param facts `{which (administrator.mjs), generated: no AIWM_ADMIN_PASSWORD was given, reset, shown: in an earlier run}`
 */
export function passwordNotice({ which, generated, reset, shown }) {
  if (!generated) return { used: 'given', kept: 'ignored', unknown: 'unknown' }[which];
  if (which !== 'used') return 'changed';
  return reset ? 'reset' : shown ? 'kept' : 'first';
}

function passwordLines({ email, password }, show, secretsFile) {
  if (show === 'ignored') return [...IGNORED, `administrator: ${email}; password: AIWM_ADMIN_PASSWORD in ${secretsFile}`];
  if (show === 'changed') return [`administrator: ${email}; password: AIWM does not accept the one in ${secretsFile} (it was changed, or`, '               there were too many wrong tries). Lost? npm start -- --reset-admin-password'];
  if (show === 'unknown') return [...IGNORED, `administrator: ${email}; password: not known here`];
  if (show === 'given') return [`administrator: ${email}; password: as given in AIWM_ADMIN_PASSWORD`];
  if (show === 'kept') return [`administrator: ${email}; password: AIWM_ADMIN_PASSWORD in ${secretsFile}`];
  const when = show === 'first' ? 'shown this once, kept in' : 'new from now on, kept in';
  return [`administrator: ${email}`, `password:      ${password}   (${when} ${secretsFile})`];
}

/** Logs in without the password on the screen or in the shell's history. */
function loginCommand(stackFile, url) {
  const body = `const{email,password}=require('${stackFile}').admin;console.log(JSON.stringify({username:email,password}))`;
  return `node -e "${body}" | curl -s ${url}/auth/login -H 'Content-Type: application/json' -d @-`;
}
