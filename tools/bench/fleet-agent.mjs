import { connect } from 'node:net';

const HANDSHAKE_END = Buffer.from('\r\n\r\n');
const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10];

/** A frame as clients send it. Its mask is zeros, which leaves the bytes as they are: masking is not what is measured. */
function frameOf(opcode, payload) {
  const { length } = payload;
  const long = length > 125;
  const frame = Buffer.alloc((long ? 8 : 6) + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (long ? 126 : length);
  if (long) frame.writeUInt16BE(length, 2);
  payload.copy(frame, frame.length - length);
  return frame;
}

/**
 * One agent's socket, on bare TCP: thousands of them must not cost more than the server that they measure. Answers pings;
 * knows frames of less than 64 KiB, each whole.
 */
export class FleetAgent {
  #rest = Buffer.alloc(0);
  #waiting = [];
  #isOpen = false;

  /** @param told of the end of the connection, whether it was ever open or not */
  constructor({ port, path, headers }, told) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.opened = new Promise((resolve) => (this.open = resolve));
    this.socket.on('connect', () => {
      const lines = [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=='];
      for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
      this.socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    });
    this.socket.on('data', (bytes) => this.#take(bytes));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => told(this));
  }

  /** Sends a message; answers come in order. @returns the answer's text */
  ask(text) {
    this.socket.write(frameOf(TEXT, Buffer.from(text)));
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #take(bytes) {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (!this.#isOpen) {
      const end = rest.indexOf(HANDSHAKE_END);
      if (end >= 0 && !rest.toString('latin1', 0, 12).endsWith('101')) return this.socket.destroy();
      if (end >= 0) rest = rest.subarray(end + HANDSHAKE_END.length);
      this.#isOpen = end >= 0;
      if (this.#isOpen) this.open();
    }
    while (this.#isOpen && rest.length >= 2) {
      const long = rest[1] === 126;
      const start = long ? 4 : 2;
      const length = long ? (rest.length >= 4 ? rest.readUInt16BE(2) : Infinity) : rest[1];
      if (rest.length < start + length) break;
      this.#receive(rest[0] & 0x0f, rest.subarray(start, start + length));
      rest = rest.subarray(start + length);
    }
    this.#rest = rest.length === 0 ? rest : Buffer.from(rest); // a copy: the rest must not hold the whole chunk
  }

  #receive(opcode, payload) {
    if (opcode === TEXT) this.#waiting.shift()?.(payload.toString());
    else if (opcode === PING) this.socket.write(frameOf(PONG, payload));
    else if (opcode === CLOSE) this.socket.end(frameOf(CLOSE, payload));
  }
}
