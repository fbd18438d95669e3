/** Lines with their cells in columns. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
}

/**
 * What is printed when everything is ready.
 * @param facts `{plan, health: Map<id, string>, document (stack.json), stackFile, secretsFile, logs, servers: string[], showPassword: 'first'|'reset'|'kept'|'given'}`
 */
export function readyReport({ plan, health, document, stackFile, secretsFile, logs, servers, showPassword }) {
  const rows = plan.map((entry) => [entry.id, entry.url, health.get(entry.id) ?? 'unknown']);
  return [
    '',
    ...table([['app', 'url', 'health'], ...rows]),
    '',
    ...table([['dashboard', document.urls.dashboard], ...servers.map((server) => server), ['logs', logs]]),
    '',
    ...passwordLines(document.admin, showPassword, secretsFile),
    '',
    'Try next:',
    `  ${loginCommand(stackFile, document.urls.aiwm)}`,
    '  npm run demo',
    `  ${document.urls.aiwm}/api-docs   (Swagger UI; every app has one)`,
    '',
    'Ctrl-C stops everything.',
  ];
}

function passwordLines({ email, password }, show, secretsFile) {
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
