/** The content of `.env` for docker compose: every value on one line, quoted where it has to be. */
export function renderEnvFile(secrets) {
  return [
    '# Secrets of this installation; made by npm run env. Keep a copy in a safe place: without SECRETS_KEY the',
    '# secrets that are stored in MongoDB cannot be read any more.',
    '',
    '# Encrypts secrets at rest. To rotate put a new <id>:<base64 of 32 bytes> before the old one, with a comma.',
    line('SECRETS_KEY', secrets.SECRETS_KEY),
    '# Signs the tokens of users and agents (P-256, PKCS#8).',
    line('JWT_PRIVATE_KEY', secrets.JWT_PRIVATE_KEY),
    '# The first administrator; made when there is no user yet.',
    line('AIWM_ADMIN_EMAIL', secrets.AIWM_ADMIN_EMAIL),
    line('AIWM_ADMIN_PASSWORD', secrets.AIWM_ADMIN_PASSWORD),
    '# Static API keys of execution-gateway and vps-bridge.',
    line('GATEWAY_API_KEY', secrets.GATEWAY_API_KEY),
    line('BRIDGE_API_KEY', secrets.BRIDGE_API_KEY),
    '',
  ].join('\n');
}

/** Single quotes keep compose and shells from reading anything into a value; line ends become \n as the apps take them. */
function line(name, value) {
  const oneLine = value.trim().replaceAll('\n', '\\n');
  if (oneLine.includes("'")) throw new Error(`${name} must not contain a single quote`);
  return /^[A-Za-z0-9_@.:/+=-]+$/.test(oneLine) ? `${name}=${oneLine}` : `${name}='${oneLine}'`;
}
