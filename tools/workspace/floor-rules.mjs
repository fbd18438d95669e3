// What exists once, and casts with their reasons. Pure: works on texts, so that the tests can show violations.

/** Names of mechanisms and the one file that defines each; docs/architecture.md says how to use them. */
export const FLOOR = {
  AddressPolicy: 'libs/platform/src/addresses/address-policy.ts',
  Bus: 'libs/platform/src/bus/bus.ts',
  Changes: 'libs/platform/src/changes.ts',
  CheckedConnector: 'libs/platform/src/addresses/checked-connector.ts',
  Directory: 'libs/platform/src/directory.ts',
  EventStream: 'libs/platform/src/http/event-streams.ts',
  EventStreams: 'libs/platform/src/http/event-streams.ts',
  FieldReader: 'libs/contracts/src/platform/field-reader.ts',
  GroupCommit: 'libs/platform/src/writing/group-commit.ts',
  HealthChecks: 'libs/platform/src/http/operations.controller.ts',
  HeldLease: 'libs/platform/src/work/held-lease.ts',
  Idempotent: 'libs/platform/src/idempotency/idempotent.ts',
  IdempotentRequests: 'libs/platform/src/idempotency/idempotent-requests.ts',
  InternalClient: 'libs/platform/src/internal/internal-client.ts',
  LatestWriter: 'libs/platform/src/writing/latest-writer.ts',
  Leases: 'libs/platform/src/leases.ts',
  LiveCallers: 'libs/platform/src/live/live-callers.ts',
  OnNotice: 'libs/platform/src/bus/on-notice.ts',
  QueryReader: 'libs/contracts/src/platform/query-reader.ts',
  RecurringWork: 'libs/platform/src/recurring-work.ts',
  Replicas: 'libs/platform/src/replicas.ts',
  SlidingWindow: 'libs/platform/src/limits/sliding-window.ts',
  SocketGateway: 'libs/platform/src/sockets/socket-gateway.ts',
  StreamedBodies: 'libs/platform/src/http/access.ts',
  Transactions: 'libs/platform/src/mongo/transactions.ts',
  WorkLease: 'libs/platform/src/work/work-lease.ts',
  canonicalJson: 'libs/contracts/src/platform/canonical-json.ts',
  collection: 'libs/platform/src/mongo/collection.ts',
  decodeCursor: 'libs/platform/src/http/cursor.ts',
  encodeCursor: 'libs/platform/src/http/cursor.ts',
  errorDocs: 'libs/platform/src/http/error-docs.ts',
  fingerprintOf: 'libs/platform/src/idempotency/idempotency-key.ts',
  inTime: 'libs/platform/src/in-time.ts',
  readNotice: 'libs/contracts/src/notices.ts',
  refusedOperations: 'libs/platform/src/failures/bulk-errors.ts',
  requireSameRequest: 'libs/platform/src/idempotency/idempotency-key.ts',
  withPlainErrors: 'libs/platform/src/failures/bulk-errors.ts',
};

const TEST_FILE = /\.(spec|int-spec|e2e-spec|fixture|spec-helper)\.ts$|^libs\/testing\//;
/** At the beginning of a line: what a file defines, not what stands inside a function. */
const DEFINITION = /^(?:export\s+)?(?:abstract\s+|async\s+)?(?:class|function|const)\s+(\w+)/gm;
const CAST = /\bas unknown as\b/;

/**
 * @param files path → text
 * @returns what is wrong, each with the right way
 */
export function floorProblems(files) {
  return [...files].flatMap(([path, text]) => (/^(apps|libs|e2e)\/.*\.ts$/.test(path) ? [...secondDefinitions(path, text), ...bareCasts(path, text)] : []));
}

function secondDefinitions(path, text) {
  if (TEST_FILE.test(path)) return [];
  return [...text.matchAll(DEFINITION)].flatMap(([, name]) => {
    const home = Object.hasOwn(FLOOR, name) ? FLOOR[name] : undefined;
    return home === undefined || home === path ? [] : [`${path} defines ${name}, which ${home} does for all apps. Use that one, or widen it there.`];
  });
}

function bareCasts(path, text) {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const hasReason = /\/\/|\*\//.test(line) || /^\s*(\/\/|\*|\/\*)/.test(lines[index - 1] ?? '');
    return CAST.test(line) && !hasReason ? [`${path}:${index + 1} casts through unknown without a reason beside it. Parse the value, or say in a comment why the type is certain.`] : [];
  });
}
