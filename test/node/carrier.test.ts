/** What carries the running task through asynchronous code: exact where code of nobody goes on, nothing left when unused. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Counter } from '#node/index.js';
import { currentTask, openCounter, spawn } from '#node/index.js';
import { burn, exact } from './burn.js';

const TASK_NS = 20_000_000;
const NOBODY_NS = 30_000_000;
const WARM_UP_NS = 1_000_000;
/** Against hanging only. */
const GIVEN_UP_MS = 20_000;
let first: Counter;

before(async () => {
  first = openCounter({ event: 'task-clock', thread: true });
  for (let i = 0; i < 3; i++)
    await cost(WARM_UP_NS, (enter) => setTimeout(() => (enter(WARM_UP_NS), burn(WARM_UP_NS)), 1));
});
after(() => first.close());

/** Code outside of any async context, the test runner's own included: there Node takes its shortest ways. */
const outsideQueue: (() => void)[] = [];
const outsideTimer = setInterval(() => {
  for (const fn of outsideQueue.splice(0)) fn();
}, 1);
after(() => clearInterval(outsideTimer));

/** Calls into a task from code of nobody: burns `ns` in the task's context. */
type Enter = (ns: number) => void;

/** What the task was charged and burned when nobody's code, arranged by `arrange`, entered it for `entersNs` in all. */
async function cost(
  entersNs: number,
  arrange: (enter: Enter, resource: AsyncResource) => void,
): Promise<{ counted: number; burned: number }> {
  let burned = 0;
  let release = (): void => {};
  const parked = new Promise<void>((resolve) => (release = resolve));
  let counter: Counter | undefined;
  let resource: AsyncResource | undefined;
  const ended = spawn('entered', async () => {
    counter = openCounter({ event: 'task-clock' });
    resource = new AsyncResource('entered');
    await parked;
    const { value } = counter.read();
    counter.close();
    return value;
  });
  await delay(2);
  const before = counter!.read().value;
  outsideQueue.push(() => arrange((ns) => (burned += resource!.runInAsyncScope(burn, null, ns)), resource!));
  // What nobody burns after it is in the same stretch of JavaScript: over, too, when a timer is served.
  for (const start = Date.now(); burned < entersNs && Date.now() - start < GIVEN_UP_MS; ) await delay(5);
  release();
  return { counted: (await ended) - before, burned };
}

/** Every way into a task after which code of nobody goes on in the same stretch of JavaScript. */
const ways: [string, (enter: Enter, resource: AsyncResource) => void][] = [
  ['AsyncResource from a timer', (enter) => setTimeout(() => (enter(TASK_NS), burn(NOBODY_NS)), 1)],
  ['AsyncResource from an immediate', (enter) => setImmediate(() => (enter(TASK_NS), burn(NOBODY_NS)))],
  ['AsyncResource from a tick', (enter) => process.nextTick(() => (enter(TASK_NS), burn(NOBODY_NS)))],
  [
    'AsyncResource from a continuation',
    (enter) => void delay(1).then(() => (enter(TASK_NS), burn(NOBODY_NS))),
  ],
  ['AsyncResource from a microtask', (enter) => queueMicrotask(() => (enter(TASK_NS), burn(NOBODY_NS)))],
  // Called by C++ without a queue of Node's in between: nothing has told yet that nobody runs.
  ['AsyncResource from a file callback', (enter) => fs.stat('.', () => (enter(TASK_NS), burn(NOBODY_NS)))],
  [
    'AsyncResource from a socket',
    (enter) => {
      const server = net.createServer((socket) => socket.end('x').on('error', () => {}));
      server.listen(0, () => {
        const client = net.connect((server.address() as net.AddressInfo).port);
        client.on('data', () => (enter(TASK_NS), burn(NOBODY_NS))).on('close', () => server.close());
      });
    },
  ],
  [
    "a task's own tick, then nobody's tick",
    (enter, resource) =>
      setTimeout(() => {
        resource.runInAsyncScope(() => process.nextTick(() => enter(TASK_NS)));
        process.nextTick(() => burn(NOBODY_NS));
      }, 1),
  ],
  [
    "a task's immediate, then nobody's immediate",
    (enter, resource) => {
      resource.runInAsyncScope(() => setImmediate(() => enter(TASK_NS)));
      setImmediate(() => burn(NOBODY_NS));
    },
  ],
  [
    "a task's tick, then nobody's tick that enters the task and goes on",
    (enter, resource) =>
      setTimeout(() => {
        resource.runInAsyncScope(() => process.nextTick(() => enter(TASK_NS / 2)));
        process.nextTick(() => (enter(TASK_NS / 2), burn(NOBODY_NS)));
      }, 1),
  ],
  [
    "a task's tick, then nobody's microtask",
    (enter, resource) =>
      setTimeout(() => {
        resource.runInAsyncScope(() => process.nextTick(() => enter(TASK_NS)));
        void Promise.resolve().then(() => burn(NOBODY_NS));
      }, 1),
  ],
  [
    'a function bound to the task',
    (enter, resource) => {
      const bound = resource.bind(() => enter(TASK_NS));
      setTimeout(() => (bound(), burn(NOBODY_NS)), 1);
    },
  ],
  [
    'a storage of the program on the way',
    (enter) => {
      const storage = new AsyncLocalStorage<number>();
      setTimeout(() => (storage.run(1, () => enter(TASK_NS)), burn(NOBODY_NS)), 1);
    },
  ],
];

for (const [name, arrange] of ways) {
  test(`nobody's code after ${name} is not the task's`, async () => {
    const { counted, burned } = await cost(TASK_NS, arrange);
    assert.ok(burned >= TASK_NS, 'the task was entered');
    // What follows lasts longer than the task itself: a tenth of it would show.
    assert.ok(Math.abs(counted - burned) < NOBODY_NS / 10, `counted ${counted} ns, burned ${burned} ns`);
  });
}

test("nobody's bare microtask after a task's tick is not the task's", {
  skip: exact ? false : 'estimated',
}, () => {
  const program = fileURLToPath(
    new URL('../../../test/fixtures/programs/bare-microtask.mjs', import.meta.url),
  );
  // No collection in between, which is whose allocation was the last drop: it takes some 6 ms.
  const flags = ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'];
  const printed = execFileSync(process.execPath, [...flags, program], { encoding: 'utf8' });
  const { countedNs, burnedNs } = JSON.parse(printed) as { countedNs: number; burnedNs: number };
  assert.ok(burnedNs >= TASK_NS, printed);
  assert.ok(Math.abs(countedNs - burnedNs) < 5_000_000, `counted ${countedNs} ns, burned ${burnedNs} ns`);
});

test('closing the last counter in a tick of its task leaves nothing to the next one', async () => {
  first.close();
  let counter: Counter | undefined;
  const job = (work: () => void): Promise<void> =>
    new Promise((resolve) => {
      outsideQueue.push(() => {
        void spawn('job', async () => {
          counter = openCounter({ event: 'task-clock' });
          await new Promise<void>((done) => setTimeout(done, 20));
          const { value } = counter.read();
          process.nextTick(() => {
            counter!.close();
            resolve();
          });
          assert.ok(value < NOBODY_NS / 2, `${value} ns counted for nothing`);
        });
        work(); // code of nobody, after the task in the same callback
      });
    });
  await job(() => {});
  await job(() => burn(NOBODY_NS));
  first = openCounter({ event: 'task-clock', thread: true });
});

test('opening and closing again and again leaves nothing behind that every new resource would have to carry', () => {
  const carried = (): number => Reflect.ownKeys(new AsyncResource('probe')).length;
  first.close();
  const untouched = carried();
  for (let i = 0; i < 50; i++) {
    const counter = openCounter({ event: 'task-clock', thread: true });
    spawn('short', () => currentTask().name);
    counter.close();
  }
  assert.equal(carried(), untouched);
  first = openCounter({ event: 'task-clock', thread: true });
});
