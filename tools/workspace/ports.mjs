import { createConnection, createServer } from 'node:net';

/** Why this address cannot be listened on (`EADDRINUSE`, `EACCES`, …), or undefined when it can. */
export function portProblem(port, host) {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error) => done(error.code ?? 'unknown'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => done(undefined)));
  });
}

/** A port of the system's choice that is free now. */
export function freePort(host = '127.0.0.1') {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen({ port: 0, host, exclusive: true }, () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** True when something accepts connections there within a second. */
export function accepts(port, host = '127.0.0.1') {
  return new Promise((done) => {
    const socket = createConnection({ port, host, timeout: 1000 });
    const end = (result) => {
      socket.destroy();
      done(result);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
