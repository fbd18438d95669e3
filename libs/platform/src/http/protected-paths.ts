import type { HttpRules } from '../app-definition';

/** Whether an unknown path here asks for credentials before it answers 404. */
export function isProtectedPath(path: string, rules: HttpRules<never>): boolean {
  const isPublic = (rules.publicPaths ?? []).some((entry) =>
    entry.endsWith('*') ? path.startsWith(entry.slice(0, -1)) : path === entry,
  );
  return !isPublic && rules.protectedPrefixes.some((prefix) => prefix === '/' || path === prefix || path.startsWith(`${prefix}/`));
}
