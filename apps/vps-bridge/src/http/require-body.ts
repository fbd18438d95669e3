import { AppError } from '@agentfleet/errors';

/** A POST without any body never reaches the JSON parser; it is answered like an empty one. */
export function requireBody(body: unknown): unknown {
  if (body === undefined || body === null) throw new AppError('malformed_json', { message: 'Invalid JSON: unexpected end of input' });
  return body;
}
