// A small shop on Fastify, with fast, slow and CPU-heavy routes. It knows nothing of taskperf.
//
//     taskperf stat -- node examples/shop/server.mjs
//
// PORT: where to listen on loopback (default: any free port). Prints `listening <port>`.
import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';

const PRODUCTS = Array.from({ length: 500 }, (_, i) => ({
  id: i + 1,
  name: `Product ${i + 1}`,
  tags: ['new', 'red', 'large'].slice(i % 3),
  priceCents: 199 + ((i * 7919) % 10_000),
}));

const orders = [];
const app = fastify();

app.get('/health', () => ({ ok: true }));

app.get('/products', (request) => {
  const page = Number(request.query.page ?? 0);
  return PRODUCTS.slice(page * 20, page * 20 + 20);
});

app.get('/products/:id', (request, reply) => {
  const product = PRODUCTS[Number(request.params.id) - 1];
  return product ?? reply.code(404).send({ error: 'no such product' });
});

// Slow, yet cheap: most of its time it waits for the index (here a timer) and lets other requests run.
app.get('/search', async (request) => {
  const words = String(request.query.q ?? '').split(' ');
  const found = [];
  for (const word of words) {
    await sleep(8);
    const copy = JSON.parse(JSON.stringify(PRODUCTS));
    found.push(...copy.filter((product) => product.tags.includes(word) || product.name.includes(word)));
  }
  return { words, count: found.length, first: found.slice(0, 10) };
});

// A chain of awaits: reserve each line, take the payment, write the order.
app.post('/orders', async (request, reply) => {
  const { lines } = request.body;
  let totalCents = 0;
  for (const line of lines) totalCents += await reserve(line);
  await sleep(3);
  const order = { id: orders.length + 1, totalCents, lines: lines.length };
  orders.push(order);
  return reply.code(201).send(order);
});

async function reserve({ productId, amount }) {
  await sleep(1);
  const product = PRODUCTS[productId - 1];
  return product.priceCents * amount;
}

// The one that hurts: tens of milliseconds of CPU in one piece, and everybody else waits.
app.get('/report', () => {
  const revenue = new Map();
  for (let i = 0; i < 240_000; i++) {
    const product = PRODUCTS[(i * 31) % PRODUCTS.length];
    const key = `${product.tags.join('+')}/${product.priceCents % 97}`;
    revenue.set(key, (revenue.get(key) ?? 0) + product.priceCents);
  }
  const rows = [...revenue].sort(([left], [right]) => left.localeCompare(right));
  return { orders: orders.length, rows: rows.length, first: rows.slice(0, 5) };
});

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close());

await app.listen({ port: Number(process.env.PORT ?? 0), host: '127.0.0.1' });
console.log(`listening ${app.server.address().port}`);
