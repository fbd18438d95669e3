import type { PasswordHashes } from './password-hashes';

/** bcrypt's cost of a user's password. */
export const PASSWORD_ROUNDS = 12;

/** bcrypt's cost of an agent's secret. */
export const AGENT_SECRET_ROUNDS = 10;

/** A real hash of nothing anybody knows: checking it costs what checking a user's costs. */
const DUMMY_HASH = '$2b$12$C6UzMDM.H6dfI/f/IKcEeO7ZKoUrYyFQXnGR9vAjVHkbO8Z5Dq5yS';

/** The same work whether or not there is a user. */
export async function passwordMatches(hashes: PasswordHashes, lane: string, password: string, storedHash: string | undefined): Promise<boolean> {
  const fits = Buffer.byteLength(password) <= 72; // bcrypt ignores the rest
  const matches = await hashes.matches(lane, fits ? password : '', storedHash ?? DUMMY_HASH);
  return matches && fits && storedHash !== undefined;
}
