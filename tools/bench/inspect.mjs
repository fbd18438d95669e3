import { WebSocket } from 'ws';

/** Looks into the memory of an app that was started with `--inspect=127.0.0.1:<port>`. */
export async function inspect(port) {
  const [{ webSocketDebuggerUrl }] = await fetch(`http://127.0.0.1:${port}/json/list`).then((answer) => answer.json());
  const socket = new WebSocket(webSocketDebuggerUrl);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  let asked = 0;
  const ask = (method, params = {}) => {
    const id = ++asked;
    socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve) => {
      const take = (data) => {
        const answer = JSON.parse(data.toString());
        if (answer.id !== id) return;
        socket.off('message', take);
        resolve(answer.result);
      };
      socket.on('message', take);
    });
  };
  return {
    /** After garbage collection, bytes: the heap of JavaScript with what it holds outside of it (buffers), and what the process holds in all. */
    async memory() {
      for (let i = 0; i < 3; i++) await ask('HeapProfiler.collectGarbage');
      const { result } = await ask('Runtime.evaluate', { expression: 'JSON.stringify(process.memoryUsage())' });
      const { heapUsed, external, rss } = JSON.parse(result.value);
      return { inUse: heapUsed + external, resident: rss };
    },
    close: () => socket.close(),
  };
}
