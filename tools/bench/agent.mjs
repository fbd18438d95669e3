// The far side of a bridge call: answers at once.
import { createServer } from 'node:http';

const answer = JSON.stringify({ content: 'Here is your plan.' });
const failing = process.argv.includes('--failing');
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.writeHead(failing ? 500 : 200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(answer) });
    response.end(answer);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
