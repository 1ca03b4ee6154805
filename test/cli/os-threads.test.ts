/** How the tool counts threads of other processes: the clock and the events of one, and the tree of a real command. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Kernel, ThreadClock } from '#cli/os-counter.js';
import { EventCounters, EventOpener, osEvents } from '#cli/os-events.js';
import type { OsEvent } from '#cli/os-events.js';
import type { SchedStat } from '#cli/os-proc.js';
import { OsThreads } from '#cli/os-threads.js';
import { fieldOf } from '#cli/os-usage.js';
import { EVENT_LINES } from '#core/layout.js';
import type { Addon } from '#node/addon.js';
import type { PerfSpec } from '#node/events/event.js';

const { EACCES, ESRCH } = constants.errno;

/** A kernel whose counters read what the test says. */
class FakeKernel {
  /** What the next readings of any counter give, the last one again and again. */
  readings: number[] = [0];
  running = 1;
  readonly opened: { tid: number; spec: PerfSpec }[] = [];
  readonly closed: number[] = [];
  /** An errno, or 0. */
  refuse: (spec: PerfSpec) => number = () => 0;

  kernel(): Kernel {
    const addon: Partial<Addon> = {
      perfOpen: (tid, spec) => {
        const errno = this.refuse(spec);
        if (errno !== 0) return -errno;
        this.opened.push({ tid, spec });
        return this.opened.length;
      },
      perfRead: (_, into) => {
        into[0] = this.readings.length > 1 ? this.readings.shift()! : this.readings[0]!;
        into[1] = 1000;
        into[2] = 1000 * this.running;
        return 0;
      },
      perfClose: (fd) => this.closed.push(fd),
    };
    return new Kernel(addon as Addon);
  }
}

describe('the clock of a thread', () => {
  const stat =
    (cpuNs: number, turns = 1) =>
    (): SchedStat => ({ cpuNs, turns });
  const gone = (): undefined => undefined;

  test('what is used while the perf event is being opened is not lost', () => {
    const fake = new FakeKernel();
    const clock = new ThreadClock(fake.kernel(), 7);
    fake.readings = [0, 0, 5];
    const cpuNs = [100, 118];
    clock.look(() => ({ cpuNs: cpuNs.shift()!, turns: 1 }), 1);
    clock.end();
    assert.equal(clock.cpuNs, 123);
  });

  test('what comes after the last look is known from the perf event', () => {
    const fake = new FakeKernel();
    const clock = new ThreadClock(fake.kernel(), 7);
    fake.readings = [0];
    assert.ok(clock.look(stat(5_000_000), 100));
    assert.equal(clock.cpuNs, 5_000_000);
    fake.readings = [900_000];
    assert.ok(clock.look(stat(6_000_000), 150)); // the perf event has missed 100 us of switching
    assert.equal(clock.cpuNs, 6_000_000);
    fake.readings = [1_900_000];
    assert.equal(clock.look(gone, 200), false);
    clock.end();
    assert.equal(clock.cpuNs, 7_000_000);
    assert.equal(clock.isComplete, true);
    assert.deepEqual(fake.closed, [1]);
  });

  test('of a thread that runs the scheduler’s figure is behind, so it never takes anything back', () => {
    const fake = new FakeKernel();
    const clock = new ThreadClock(fake.kernel(), 7);
    clock.look(stat(1_000_000), 100);
    fake.readings = [5_000_000, 5_001_000];
    clock.look(stat(2_000_000), 150); // 4 ms behind
    assert.equal(clock.cpuNs, 6_001_000);
  });

  test('a thread that switches often loses its perf event until it is calm', () => {
    const fake = new FakeKernel();
    const clock = new ThreadClock(fake.kernel(), 7);
    clock.look(stat(0, 0), 1000);
    clock.look(stat(100, 1000), 1100); // 10,000 a second
    assert.deepEqual([fake.closed, clock.isRestless], [[1], true]);
    clock.look(stat(200, 1100), 1200); // 1,000: still more than a quarter of the limit
    assert.equal(fake.opened.length, 1);
    clock.look(stat(300, 1110), 1300);
    assert.deepEqual([fake.opened.length, clock.isRestless], [2, false]);
  });

  test('a few turns in a row are no rate', () => {
    const fake = new FakeKernel();
    const clock = new ThreadClock(fake.kernel(), 7);
    clock.look(stat(0, 0), 1000);
    clock.look(stat(100, 8), 1001);
    assert.equal(clock.isRestless, false);
    clock.look(stat(200, 30), 1015); // 2,000 a second since the first
    assert.deepEqual([fake.closed, clock.isRestless], [[], false]);
  });

  test('where perf events are refused the last look is what is known, and no other is tried', () => {
    const fake = new FakeKernel();
    fake.refuse = () => EACCES;
    const kernel = fake.kernel();
    const clock = new ThreadClock(kernel, 7);
    clock.look(stat(1000), 100);
    fake.refuse = () => 0;
    clock.look(stat(3000), 200);
    clock.end();
    assert.deepEqual([clock.cpuNs, clock.isComplete, kernel.refused], [3000, false, EACCES]);
    assert.equal(fake.opened.length, 0);
  });

  test('a thread that is refused after another was not says nothing about the next', () => {
    const fake = new FakeKernel();
    const kernel = fake.kernel();
    for (const errno of [0, EACCES, 0]) {
      fake.refuse = () => errno;
      assert.equal(kernel.openClock(7, {}) !== undefined, errno === 0);
    }
    assert.deepEqual([kernel.refused, fake.opened.length], [0, 2]);
  });
});

describe('the events of a thread', () => {
  const spec: PerfSpec = {
    type: 0,
    config: 1n,
    config1: 0n,
    config2: 0n,
    excludeUser: false,
    excludeKernel: false,
  };
  const [cycles, faults, migrations] = osEvents(
    new Map([
      [{ id: 7 }, { kind: 'perf', spec, instead: null, kernelOnly: false, coreType: null }],
      [
        { id: 8 },
        {
          kind: 'perf',
          spec: { ...spec, type: 1 },
          instead: 'page-faults',
          kernelOnly: false,
          coreType: null,
        },
      ],
      [
        { id: 9 },
        { kind: 'perf', spec: { ...spec, type: 1 }, instead: null, kernelOnly: true, coreType: null },
      ],
      [{ id: 10 }, { kind: 'v8', count: 'gc-time' }],
    ]),
  ) as [OsEvent, OsEvent, OsEvent];
  const target = { pid: process.pid, tid: process.pid };

  test('without the kernel’s part where that is not permitted, and never what would be nothing then', () => {
    const fake = new FakeKernel();
    fake.refuse = (asked) => (asked.excludeKernel ? 0 : EACCES);
    const opener = new EventOpener(fake.kernel());
    assert.ok(opener.open(target, cycles, {}) !== undefined);
    assert.equal(opener.isUserOnly, true);
    assert.equal(opener.open(target, migrations, {}), undefined);
    assert.deepEqual([...opener.refused], [[9, EACCES]]);
    const own = opener.open(target, faults, {})!;
    assert.ok(own.read() > 100, 'page faults of this process, from /proc');
    assert.deepEqual([...opener.fields], [[8, 'page-faults']]);
  });

  test('a thread that is refused or has gone says nothing about the others', () => {
    const fake = new FakeKernel();
    const opener = new EventOpener(fake.kernel());
    for (const errno of [ESRCH, 0, EACCES, 0]) {
      fake.refuse = () => errno;
      assert.equal(opener.open(target, cycles, {}) !== undefined, errno === 0);
    }
    assert.equal(opener.refused.size, 0);
  });

  test('what registers counted a part of the time is scaled', () => {
    const fake = new FakeKernel();
    const counters = new EventCounters();
    counters.open(new EventOpener(fake.kernel()), target, [cycles]);
    fake.readings = [300];
    fake.running = 0.25;
    counters.read();
    assert.deepEqual([counters.values[7], counters.shares.get(7)], [1200, 0.25]);
  });

  test('of a JavaScript thread what its region lacks counts, and nothing by registers', () => {
    const fake = new FakeKernel();
    const counters = new EventCounters();
    counters.open(new EventOpener(fake.kernel()), target, [cycles, faults]);
    const region = new Float64Array(EVENT_LINES);
    fake.readings = [1000];
    counters.read();
    region[8] = 400;
    counters.note(region);
    counters.closeHardware();
    assert.equal(counters.beside(region, 7), 0);
    assert.equal(counters.beside(region, 8), 600);
    fake.readings = [5000];
    region[8] = 4300;
    counters.end();
    assert.equal(counters.beside(region, 8), 700, 'to the end');
  });
});

test('a field of rusage is the sum of its words', () => {
  const usage = Float64Array.of(1, 20, 300, 4000, 50_000);
  assert.deepEqual(
    (['minor-faults', 'page-faults', 'voluntary-switches', 'context-switches'] as const).map((one) =>
      fieldOf(usage, one),
    ),
    [20, 320, 4000, 54_000],
  );
});

describe('the processes of a command', { skip: process.platform !== 'linux' && 'there is no /proc' }, () => {
  const MARK = `TASKPERF_SESSION=test-${process.pid}`;
  const options = { addon: null, events: [], regions: () => [], mark: MARK };
  const environment = { ...process.env, TASKPERF_SESSION: MARK.split('=')[1] };

  test('are found, named, and followed when their parent has gone', async () => {
    const script = 'sh -c "sleep 31 & wait" & cat; true';
    const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit'], env: environment });
    const threads = new OsThreads(options);
    threads.begin(child.pid!, 'sh', false);
    const names = (): string[] => [...threads.processes.values()].map((one) => one.name).sort();
    for (let looks = 0; !['cat', 'sleep'].every((name) => names().includes(name)) && looks < 500; looks++) {
      await delay(20);
      threads.look();
    }
    assert.deepEqual(names(), ['cat', 'sh', 'sh', 'sleep']);
    child.stdin.end();
    await once(child, 'exit');
    threads.look();
    assert.deepEqual(names(), ['sh', 'sleep'], 'those whose parent has gone');
    const { command } = threads;
    assert.deepEqual(
      [...threads.processes.values()].map((one) => one.isWaitedFor(command)),
      [false, false],
    );
    threads.stop();
    assert.equal(threads.ended.length, 4);
    for (const one of threads.ended) if (one.name === 'sleep') assert.ok(one.cpuNs() > 0);
    for (const one of threads.ended) kill(one.pid);
  });

  test('are found by their environment when we never saw their parent', async () => {
    const child = spawn('sh', ['-c', "(sh -c 'sleep 32 & echo $!; wait' &)"], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: environment,
    });
    const [pid] = (await once(child.stdout, 'data')) as [Buffer];
    // Until then it is the shell's copy.
    for (let i = 0; i < 500 && !readFileSync(`/proc/${Number(pid)}/comm`, 'utf8').startsWith('sleep'); i++)
      await delay(20);
    const threads = new OsThreads(options);
    threads.begin(child.pid!, 'sh', false);
    threads.look();
    threads.stop();
    const found = threads.ended.find((one) => one.pid === Number(String(pid)));
    assert.equal(found?.name, 'sleep');
    for (const one of threads.ended) kill(one.pid);
  });

  test('are known by what they call themselves, and are of the command only with its mark', () => {
    const child = spawn('sleep', ['35'], { env: environment });
    const stranger = spawn('sleep', ['36']);
    const threads = new OsThreads(options);
    assert.equal(threads.hostPidOf(child.pid!), child.pid);
    assert.equal(threads.hostPidOf(stranger.pid!), undefined);
    assert.deepEqual([threads.owns(child.pid!), threads.owns(stranger.pid!)], [true, false]);
    kill(child.pid!);
    kill(stranger.pid!);
  });

  test('that find no room are counted once, however often they are seen', async () => {
    const child = spawn('sh', ['-c', 'sleep 33 & echo ready; wait'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: environment,
    });
    const threads = new OsThreads(options);
    threads.begin(child.pid!, 'sh', false);
    await once(child.stdout, 'data');
    threads.ended.length = 10_000;
    for (let look = 0; look < 3; look++) threads.look();
    assert.equal(threads.dropped.size, 1);
    for (const pid of [child.pid!, ...threads.dropped]) kill(pid);
  });
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
