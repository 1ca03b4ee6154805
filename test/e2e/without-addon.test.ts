/** Without the addon, in all processes or in one: list, doctor and stat say the same, and a mean of a part says so. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { root, stat } from './run-stat.js';

const library = path.join(root, 'dist', 'node', 'index.js');
/** A task here and, if told so, in a child without the addon. */
const program = (child: boolean): string[] => [
  '--input-type=module',
  '-e',
  `import { spawn } from ${JSON.stringify(library)};
   import { execFileSync } from 'node:child_process';
   await spawn('job', async () => { const end = Date.now() + 20; while (Date.now() < end); });
   if (${child} && !process.env.IN_CHILD) execFileSync(process.execPath, process.execArgv, {
     env: { ...process.env, TASKPERF_NO_ADDON: '1', IN_CHILD: '1' }, stdio: 'inherit' });`,
];
const env = { TASKPERF_NO_ADDON: '1' };

test('list and doctor promise what stat does', async () => {
  const listed = spawnSync(process.execPath, [path.join(root, 'dist', 'cli', 'main.js'), 'list', '--json'], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const { groups } = JSON.parse(listed.stdout) as {
    groups: { name: string; events: { name: string; kind: string | null; reason: string | null }[] }[];
  };
  const own = groups.filter(({ name }) => ['clock', 'task', 'v8', 'software'].includes(name));
  const events = own.flatMap((group) => group.events);
  const { document } = await stat(program(false), { env, events: events.map(({ name }) => name).join(',') });
  for (const { name, kind } of events) {
    const counted = document.events.find((event) => event.name === name)!;
    assert.equal(counted.supported ? counted.kind : null, kind, name);
  }
  const clock = document.events.find((event) => event.name === 'task-clock')!;
  assert.match(clock.reason!, /TASKPERF_NO_ADDON=1/);
});

test('a mean over tasks of which some were not counted is estimated, and says in how many processes it was', {
  skip: process.env['TASKPERF_NO_ADDON'] === '1' && 'no process has the addon',
}, async () => {
  const { document } = await stat(program(true), { events: 'external-bytes,task-switches' });
  const of = (name: string): (typeof document.events)[number] =>
    document.events.find((event) => event.name === name)!;
  assert.equal(of('external-bytes').kind, 'estimated');
  assert.match(
    of('external-bytes').reason!,
    /^counted in 1 of 2 processes only: the native addon is not loaded/,
  );
  assert.equal(of('task-switches').kind, 'exact');
});
