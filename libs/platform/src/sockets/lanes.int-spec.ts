import { bootReplicas, waitFor, type Replicas } from '@agentfleet/testing';
import { WebSocket } from 'ws';
import { bootApp, type RunningApp } from '../boot-app';
import { lanesApp, LanesGateway } from './lanes-app.fixture';

let fleet: Replicas<typeof lanesApp, RunningApp>;
let gateway: LanesGateway;
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, lanesApp);
  gateway = fleet.first.app.get(LanesGateway);
});
afterAll(() => fleet.close());

async function open() {
  const socket = new WebSocket(`${fleet.first.url.replace('http', 'ws')}/lanes/x`);
  const received: string[] = [];
  socket.on('message', (data) => received.push(String(data)));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  gateway.held.length = gateway.seen.length = 0;
  const server = await waitFor('the socket', () => gateway.socket);
  return { socket, received, closed, server, send: (frame: object) => socket.send(JSON.stringify(frame)) };
}

test('a frame that waits holds back its own lane alone', async () => {
  const { socket, received, send } = await open();
  send({ action: 'hold', value: 1 });
  send({ action: 'say', value: 'control, behind it' });
  send({ action: 'say', value: 'of a request', lane: 'r1' });
  socket.send('odd');
  await waitFor('the other lane', () => received.length === 1);
  expect(received).toEqual(['{"said":"of a request"}']);
  gateway.held[0]?.();
  await waitFor('the rest', () => received.length === 4);
  expect(received.slice(1)).toEqual(['{"held":1}', '{"said":"control, behind it"}', '{"error":"malformed"}']);
  socket.close();
});

test('within a lane the order is that of arrival, however many lanes there are', async () => {
  const { socket, received, send } = await open();
  for (let i = 0; i < 300; i++) send({ action: 'say', value: `${i % 10}:${i}`, lane: `r${i % 10}` });
  await waitFor('all', () => received.length === 300);
  for (let lane = 0; lane < 10; lane++) {
    const values = gateway.seen.filter((value) => value.startsWith(`${lane}:`)).map((value) => Number(value.slice(2)));
    expect(values).toEqual([...values].sort((a, b) => a - b));
    expect(values).toHaveLength(30);
  }
  socket.close();
});

test('binary frames have a method of their own; JSON in one goes where JSON goes', async () => {
  const { socket, received } = await open();
  socket.send(Buffer.from('7 bytes'));
  socket.send(Buffer.from('{"action":"say","value":"hello"}'));
  socket.send(Buffer.from('{"action":"binary frames"}'));
  socket.send(Buffer.from('1'));
  await waitFor('all', () => received.length === 4);
  expect([...received].sort()).toEqual(['got 7 bytes', '{"error":"failed"}', '{"error":"unknown"}', '{"said":"hello"}'].sort());
  socket.close();
});

test('a peer whose frames pile up is not read meanwhile, and nothing of it is lost', async () => {
  const { socket, received, send, server } = await open();
  send({ action: 'hold', value: 1 });
  for (let i = 0; i < 500; i++) send({ action: 'say', value: i });
  await waitFor('the pause', () => server.isPaused);
  gateway.held[0]?.();
  await waitFor('all', () => received.length === 501);
  expect(gateway.seen).toEqual(Array.from({ length: 500 }, (_, i) => String(i)));
  expect(server.isPaused).toBe(false);
  socket.close();
});

test('a peer that keeps too many lanes at work is not read until some are done', async () => {
  const { socket, received, send, server } = await open();
  for (let i = 0; i < 200; i++) send({ action: 'hold', value: i, lane: `r${i}` });
  await waitFor('the pause', () => server.isPaused);
  await waitFor('all answers', () => {
    for (const goOn of gateway.held.splice(0)) goOn();
    return received.length === 200;
  });
  expect(server.isPaused).toBe(false);
  socket.close();
});

test('a socket is answered when its control lane is, whatever its other lanes do', async () => {
  const { socket, send, server } = await open();
  send({ action: 'hold', value: 'data', lane: 'r1' });
  send({ action: 'hold', value: 'control' });
  await waitFor('both', () => gateway.held.length === 2);
  let isAnswered = false;
  const answered = server.answered().then(() => (isAnswered = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isAnswered).toBe(false);
  gateway.held[1]?.();
  await answered;
  gateway.held[0]?.();
  socket.close();
});

test('a peer that floods does not keep others from their turn', async () => {
  const [flooder, other] = [await open(), await open()];
  const FRAMES = 50_000;
  for (let i = 0; i < FRAMES; i++) flooder.send({ action: 'say', value: 'flood' });
  await waitFor('the flood', () => gateway.seen.length > 0);
  other.send({ action: 'say', value: 'patient' });
  await waitFor('the other one', () => gateway.seen.includes('patient'));
  expect(gateway.seen.indexOf('patient')).toBeLessThan(8000);
  await waitFor('the whole flood', () => gateway.seen.length === FRAMES + 1);
  for (const { socket } of [flooder, other]) socket.close();
});

test('a socket is read again when the last reason not to is gone', async () => {
  const { socket, received, send, server } = await open();
  server.pauseFor('a proxied answer');
  server.pauseFor('another');
  server.pauseFor('another');
  send({ action: 'say', value: 1 });
  server.resumeFrom('another');
  server.resumeFrom('frames'); // was none
  expect(server.isPaused).toBe(true);
  expect(received).toEqual([]);
  server.resumeFrom('a proxied answer');
  await waitFor('the answer', () => received.length === 1);
  socket.close();
});

test('what is pushed counts like answers: a peer that does not take it is not read until it does', async () => {
  const { socket, server, send } = await open();
  socket.pause();
  await waitFor('the pause', () => {
    server.push('x'.repeat(100_000));
    return server.isPaused;
  });
  expect(server.bufferedAmount).toBeGreaterThan(200_000);
  send({ action: 'say', value: 'heard later' });
  socket.resume();
  await waitFor('the frame', () => gateway.seen.includes('heard later'));
  expect(server.isPaused).toBe(false);
  socket.close();
});

test('what is sent within one turn leaves in one write, and much of it as it is made', async () => {
  const { socket, received, server } = await open();
  const connection = server.ports?.connection;
  if (!connection?._writev) throw new Error('a connection writes many pieces at once');
  const writes = jest.spyOn(connection, '_writev');
  for (let i = 0; i < 20; i++) server.push({ number: i });
  await waitFor('all', () => received.length === 20);
  expect(received.map((text) => Number(JSON.parse(text).number))).toEqual(Array.from({ length: 20 }, (_, i) => i));
  expect(writes).toHaveBeenCalledTimes(1);
  let most = 0;
  for (let i = 0; i < 200; i++) {
    server.push('x'.repeat(1000));
    most = Math.max(most, server.bufferedAmount);
  }
  await waitFor('the rest', () => received.length === 220);
  expect(most).toBeLessThan(100_000);
  expect(server.isPaused).toBe(false);
  socket.close();
});
