// The baseline of a run's events: a bare `ws` server that answers each message, a number, with that many frames of the size of a
// text event, and one more that ends them. It keeps nothing.
import { WebSocketServer } from 'ws';

const frame = (seq) =>
  JSON.stringify({ type: 'text', data: { text: `piece ${seq} `, author: 'assistant' }, timestamp: new Date().toISOString(), seq, run_id: 'run_0123456789abcdef01234567' });
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false }, () => console.log(server.address().port));
server.on('connection', (socket) => {
  socket.on('message', (data) => {
    const count = Number(String(data));
    for (let seq = 1; seq < count; seq++) socket.send(frame(seq));
    socket.send('{"type":"query_complete"}');
  });
});
process.stdin.on('end', () => process.exit(0)).resume();
