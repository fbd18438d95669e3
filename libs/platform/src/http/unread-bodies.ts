import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** Time for the sender of a body that nobody reads, from the answer on. */
export const LINGER_MS = 5000;

/**
 * Many requests are answered before their body has come: without credentials, too large, refused by another server. To close the
 * connection at once would reset it under a client that is still sending, and the answer would be lost with it. So the rest is read
 * and dropped for a while; a client that goes on after that is cut off.
 * Source: RFC 9112, section 9.6.
 */
export function dropUnreadBodies(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, _payload, done) => {
    const { raw } = request;
    if (!raw.complete) {
      void reply.removeHeader('connection'); // Fastify's own, after a parser's error
      closeAfterBody(raw);
    }
    done();
  });
  fastify.addHook('onResponse', (request, _reply, done) => {
    const { raw } = request;
    if (!raw.complete && !raw.destroyed) {
      const cut = setTimeout(() => raw.socket.destroy(), LINGER_MS);
      raw.once('close', () => clearTimeout(cut));
      raw.resume();
    }
    done();
  });
}

/** Where the client asked for no further request: Node destroys the socket with the answer; here it waits for the body's end. */
function closeAfterBody(raw: IncomingMessage): void {
  const { socket } = raw;
  const { destroySoon } = socket;
  socket.destroySoon = () => void socket.end();
  raw.once('close', () => {
    socket.destroySoon = destroySoon;
    if (socket.writableEnded) socket.destroySoon();
  });
}
