// A bounded load for the shop: always the same 2,500 requests in the same order, over 8 connections.
//
//     node examples/shop/load.mjs <port>
import http from 'node:http';

const REQUESTS = 2_500;
const CONNECTIONS = 8;

/** How often each kind of request comes, in percent. */
const MIX = [
  [40, (n) => get(`/products?page=${n % 25}`)],
  [30, (n) => get(`/products/${(n % 500) + 1}`)],
  [12, (n) => get(`/search?q=${['red', 'large%20new', 'Product%207'][n % 3]}`)],
  [
    10,
    (n) => post('/orders', { lines: [1, 2, 3].map((i) => ({ productId: ((n * i) % 500) + 1, amount: i })) }),
  ],
  [3, () => get('/report')],
  [5, () => get('/health')],
];

const port = Number(process.argv[2]);
if (!Number.isInteger(port) || port <= 0) {
  console.error('usage: node load.mjs <port>');
  process.exit(2);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const startedMs = performance.now();
let next = 0;
let failed = 0;
await Promise.all(Array.from({ length: CONNECTIONS }, client));
agent.destroy();
const seconds = (performance.now() - startedMs) / 1000;
console.log(
  `load: ${REQUESTS} requests over ${CONNECTIONS} connections in ${seconds.toFixed(1)} s, ${failed} failed`,
);
process.exitCode = failed === 0 ? 0 : 1;

async function client() {
  while (next < REQUESTS) {
    const n = next++;
    const status = await choose((n * 37) % 100)(n).catch(() => 0);
    if (status < 200 || status > 299) failed++;
  }
}

/** The kind of request for a number from 0 to 99. */
function choose(percent) {
  let upTo = 0;
  for (const [share, send] of MIX) {
    upTo += share;
    if (percent < upTo) return send;
  }
  throw new Error(`the mix covers ${upTo} %`);
}

function get(path) {
  return send('GET', path);
}

function post(path, body) {
  return send('POST', path, JSON.stringify(body));
}

/** Sends one request and resolves with the status once the whole response has come. */
function send(method, path, body) {
  const headers =
    body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length };
  return new Promise((resolve, reject) => {
    http
      .request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
        response
          .on('end', () => resolve(response.statusCode))
          .on('error', reject)
          .resume();
      })
      .on('error', reject)
      .end(body);
  });
}
