// The load: keep-alive connections on raw sockets, each sending its next request when the answer to the last is
// complete. It does as little as it can per request, so that the server and not the client is what limits the rate.
//
// Every answer has the same length as the first; a status other than 200 or another length ends the run with an error.
import net from 'node:net';

const OK = Buffer.from('HTTP/1.1 200 ');
/** Open connections by port, kept between two blocks so that opening them is not measured. */
const pools = new Map();

export async function load({ port, path, connections, requests }) {
  const pool = pools.get(port) ?? [];
  pools.set(port, pool);
  while (pool.length < connections) pool.push(await connect(port));
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: bench\r\n\r\n`);
  const bytes = await firstAnswer(pool[0], request);
  const budget = { left: requests - 1 };
  const start = performance.now();
  await Promise.all(pool.slice(0, connections).map((socket) => drive(socket, { request, bytes, budget })));
  return (performance.now() - start) / 1000;
}

export function disconnect(port) {
  for (const socket of pools.get(port) ?? []) socket.destroy();
  pools.delete(port);
}

function connect(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(socket));
    socket.setNoDelay(true);
    socket.once('error', reject);
  });
}

/** Sends one request and returns how long its answer is, header and body. */
function firstAnswer(socket, request) {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', function collect(chunk) {
      text += chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const size = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
      if (text.length < size) return;
      socket.off('data', collect);
      if (text.startsWith(OK.toString()) && text.length === size) resolve(size);
      else reject(new Error(`unexpected answer: ${text}`));
    });
    socket.write(request);
  });
}

/** Requests on one connection until the common budget is used up. */
function drive(socket, { request, bytes, budget }) {
  return new Promise((resolve, reject) => {
    let received = 0;
    const finish = (error) => {
      socket.off('data', onData);
      socket.off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onClose = () => finish(new Error('the server closed a connection'));
    const onData = (chunk) => {
      if (received === 0 && chunk.compare(OK, 0, OK.length, 0, Math.min(chunk.length, OK.length)) !== 0) {
        finish(new Error(`unexpected answer: ${chunk}`));
        return;
      }
      received += chunk.length;
      if (received < bytes) return;
      if (received > bytes) finish(new Error(`an answer of ${received} instead of ${bytes} bytes`));
      else next();
    };
    const next = () => {
      if (budget.left === 0) {
        finish();
        return;
      }
      budget.left--;
      received = 0;
      socket.write(request);
    };
    socket.on('data', onData);
    socket.on('close', onClose);
    next();
  });
}

// Started as a process of its own, on a core of its own.
if (process.send !== undefined) {
  process.on('message', async (message) => {
    if (message.command === 'disconnect') disconnect(message.port);
    process.send({ reply: message.command === 'load' ? await load(message) : null });
  });
  process.on('disconnect', () => process.exit());
  process.send({ reply: 'ready' });
}
