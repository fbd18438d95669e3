import { cutText } from '@agentfleet/contracts';

const MAX_SHOWN = 500;
const MAX_READ = 4000;
const FRAGMENT = 6;

/**
 * Text of a provider as people may see it: at most 500 characters, without keys, credentials in URLs and bearer strings.
 * Providers quote part of a refused key, often masked, so its beginning and end and masked words go too.
 */
export function shownText(text: string, secrets: readonly string[]): string {
  let out = cutText(text, MAX_READ); // some patterns take more than linear time, and providers quote whole inputs
  for (const secret of secrets) out = withoutSecret(out, secret);
  out = out
    .replace(/\b(bearer|basic)\s+[^\s"',;]+/gi, '$1 [hidden]')
    .replace(/\/\/[^\s/@]+@/g, '//[hidden]@')
    .replace(/\b(sk|pk|key|afk|rk)[-_][A-Za-z0-9*._-]{4,}/gi, '[hidden]')
    .replace(/[A-Za-z0-9_-]*\*{3,}[A-Za-z0-9_*-]*/g, '[hidden]')
    .replace(/\s+/g, ' ')
    .trim();
  return out.length <= MAX_SHOWN ? cutText(out, MAX_SHOWN) : `${cutText(out, MAX_SHOWN - 1)}…`;
}

function withoutSecret(text: string, secret: string): string {
  if (secret.length < FRAGMENT) return text;
  let out = text.split(secret).join('[hidden]');
  if (secret.length < 2 * FRAGMENT) return out;
  const quoted = (part: string) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const ends = `${quoted(secret.slice(0, FRAGMENT))}[A-Za-z0-9*._…-]*|[A-Za-z0-9*._…-]*${quoted(secret.slice(-FRAGMENT))}`;
  out = out.replace(new RegExp(ends, 'g'), '[hidden]');
  return out;
}
