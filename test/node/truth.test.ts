/**
 * Tasks that burn a known amount of CPU and measure it themselves around each slice, over every kind of asynchrony, on a
 * loaded machine: what the counter says must be what they burned, within 1 % or 50 µs.
 */
import assert from 'node:assert/strict';
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzip } from 'node:zlib';
import type { Counter } from '#node/index.js';
import { openCounter, spawn } from '#node/index.js';
import { burn, exact } from './burn.js';

/** Long enough that 1 % exceeds what the asynchrony itself costs in the task's name; heavy kinds get longer slices. */
const SLICE_NS = 50_000_000;
/** A stream pipeline alone costs 1 ms a slice on a busy machine. */
const HEAVY_SLICE_NS = 300_000_000;
const HEAVY: ReadonlySet<string> = new Set([
  'client socket',
  'stream pipeline',
  'zlib callback',
  'fs promise',
]);
const ROUNDS = 3;
let first: Counter;
const loads: ChildProcess[] = [];
const server = net.createServer((socket) => socket.end('hello'));

before(async () => {
  // The first counter of a program installs the hooks, in the time of whoever opens it.
  first = openCounter({ event: 'task-clock' });
  const program = fileURLToPath(new URL('../../../test/fixtures/programs/spin.mjs', import.meta.url));
  if (exact) for (let core = 0; core < 2; core++) loads.push(fork(program, { stdio: 'ignore' }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => {
  first.close();
  server.close();
  for (const load of loads) load.kill('SIGKILL');
});

type Work = () => void;
/** One kind of asynchrony: arrange that `work` runs once later in the caller's context, resolve when it has. */
type Kind = (work: Work) => Promise<void>;

function callback(start: (done: () => void) => void): Kind {
  return (work) =>
    new Promise((resolve) => {
      start(() => {
        work();
        resolve();
      });
    });
}

async function* generator(work: Work): AsyncGenerator<number> {
  yield 1;
  await null;
  work();
  yield 2;
}

const kinds: Record<string, Kind> = {
  'await of a resolved promise': async (work) => {
    await null;
    work();
  },
  'promise.then': (work) => Promise.resolve().then(work),
  thenable: async (work) => {
    await { then: (resolve: (value: null) => void) => setImmediate(resolve, null) };
    work();
  },
  'the thenable itself': async (work) => {
    await {
      then: (resolve: (value: null) => void): void => {
        work();
        resolve(null);
      },
    };
  },
  setTimeout: callback((done) => setTimeout(done, 1)),
  'timers/promises': async (work) => {
    await delay(1);
    work();
  },
  setInterval: callback((done) => {
    const timer = setInterval(() => {
      clearInterval(timer);
      done();
    }, 1);
  }),
  setImmediate: callback((done) => setImmediate(done)),
  'process.nextTick': callback((done) => process.nextTick(done)),
  queueMicrotask: callback((done) => queueMicrotask(done)),
  'fs callback': callback((done) => fs.stat('/', done)),
  'fs promise': async (work) => {
    await fs.promises.stat('/');
    work();
  },
  'crypto on the thread pool': callback((done) => pbkdf2('a', 'b', 1, 16, 'sha1', done)),
  'zlib callback': callback((done) => gzip('x', done)),
  'async generator': async (work) => {
    for await (const value of generator(work)) assert.ok(value > 0);
  },
  'events.once': async (work) => {
    const emitter = new EventEmitter();
    setImmediate(() => emitter.emit('ready'));
    await once(emitter, 'ready');
    work();
  },
  'stream pipeline': async (work) => {
    let worked = false;
    await pipeline(
      Readable.from(['a', 'b']),
      new Transform({
        transform(chunk, _encoding, done): void {
          if (!worked) work();
          worked = true;
          done(null, chunk);
        },
      }),
      new Writable({ write: (_chunk, _encoding, done) => setImmediate(done) }),
    );
  },
  'AsyncResource.runInAsyncScope': (work) => {
    const resource = new AsyncResource('TEST');
    // Entered from a callback of nobody's: only the resource remembers the task.
    return new Promise((resolve) => {
      outside(() => {
        resource.runInAsyncScope(work);
        resolve();
      });
    });
  },
  'AsyncResource.bind': (work) => {
    const bound = AsyncResource.bind(work);
    return new Promise((resolve) => {
      outside(() => {
        bound();
        resolve();
      });
    });
  },
  'AsyncLocalStorage.run of the program': (work) =>
    new AsyncLocalStorage<number>().run(7, async () => {
      await delay(1);
      work();
    }),
  'client socket': (work) =>
    new Promise((resolve, reject) => {
      const { port } = server.address() as net.AddressInfo;
      net
        .connect(port, '127.0.0.1')
        .on('error', reject)
        .on('data', work)
        .on('close', () => resolve());
    }),
};

const outsideQueue: (() => void)[] = [];
const outsideTimer = setInterval(() => {
  for (const fn of outsideQueue.splice(0)) fn();
}, 1);
after(() => clearInterval(outsideTimer));

/** Runs fn in the context of the module, which is no task. */
function outside(fn: () => void): void {
  outsideQueue.push(fn);
}

/** The counted and the self-measured CPU of one task that does ROUNDS slices of this kind. */
async function measure(
  kind: Kind,
  sliceNs: number,
): Promise<{ counted: number; burned: number; gcNs: number }> {
  return spawn('truth', async () => {
    const gc = openCounter({ event: 'gc-time' });
    const counter = openCounter({ event: 'task-clock' });
    let burned = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await kind(() => {
        burned += burn(sliceNs);
      });
    }
    const counted = counter.read().value;
    const gcNs = gc.read().value;
    counter.close();
    gc.close();
    return { counted, burned, gcNs };
  });
}

const skip = exact ? false : 'without the addon times are estimated';

// Open all the time: the first counter and the last install and remove the hooks, in the time of the task that has it.
const lasting = openCounter({ event: 'task-clock', thread: true });
after(() => lasting.close());

for (const [name, kind] of Object.entries(kinds)) {
  test(`what tasks burned is what is counted: ${name}`, { skip }, async () => {
    // Once before: code that runs for the first time is compiled in the task's time, rightly so, but unmeasured.
    await measure(kind, 10_000);
    const sliceNs = HEAVY.has(name) ? HEAVY_SLICE_NS : SLICE_NS;
    // Two at once, so that their slices interleave.
    const results = await Promise.all([measure(kind, sliceNs), measure(kind, sliceNs)]);
    for (const { counted, burned, gcNs } of results) {
      const difference = counted - burned;
      const allowed = Math.max(burned * 0.01, 50_000);
      // Garbage that is collected between two slices is the task's cost, too; within one it has been burned.
      assert.ok(
        difference >= -allowed && difference <= allowed + gcNs,
        `counted ${counted} ns, burned ${burned} ns, collected for ${gcNs} ns: ${difference} ns off`,
      );
    }
  });
}
