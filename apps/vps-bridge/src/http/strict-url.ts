import { AppError } from '@agentfleet/errors';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

/** False for a URL whose query has a broken or non-UTF-8 percent-encoding; the router judges the path by itself. */
export function hasReadableQuery(url: string): boolean {
  const start = url.indexOf('?');
  if (start < 0 || !url.includes('%', start)) return true;
  try {
    decodeURIComponent(url.slice(start + 1));
    return true;
  } catch {
    return false;
  }
}

/** The parser of queries hands on what it cannot decode as if it were the text; here that is refused, after the credentials. */
@Injectable()
export class StrictUrl {
  constructor({ httpAdapter }: HttpAdapterHost) {
    httpAdapter.getInstance<FastifyInstance>().addHook('preParsing', (request, _reply, payload, done) => {
      if (hasReadableQuery(request.raw.url ?? '')) done(null, payload);
      else done(new AppError('malformed_url'));
    });
  }
}
