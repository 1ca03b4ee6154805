/** Workers terminated at random moments: `npm run soak:terminate` for as many as one likes, here for a few. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const noAddon = process.env['TASKPERF_NO_ADDON'] === '1' && 'without the addon threads share no region';
const ROUNDS = 120;

interface Census {
  threads: number;
  tasks: number;
  counters: number;
  foreign: number;
  descriptors: number;
  lostSlices: number;
}

interface Slots {
  used: number;
  free: number;
  onTheirWay: number;
}

/** What the main thread itself has: its task, the counter that is open throughout, and its context. */
const OWN = 1;
const KINDS = ['tasks', 'contexts', 'counters'] as const;
/**
 * Slots of each kind that terminated threads may have had in their hands: 0 to 4 where the machine is idle, up to 8 beside
 * busy loops (docs/threads.md). Half of the workers have tasks when they are terminated; had each left one that would be 60.
 */
const IN_HANDS = ROUNDS / 4;

test('nothing is left of workers that are terminated while they count for others', { skip: noAddon }, () => {
  const run = spawnSync(process.execPath, ['test/soak/terminate.mjs', String(ROUNDS), '5'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 100_000,
  });
  assert.equal(run.status, 0, run.stderr);
  const { first, last } = JSON.parse(run.stdout) as {
    first: Census;
    last: Census & { slots: Record<(typeof KINDS)[number], Slots> };
  };
  assert.equal(last.threads, 1, 'every place is free again');
  assert.equal(last.foreign, 0, 'every counter that they had open here is closed');
  assert.ok(
    last.descriptors <= first.descriptors,
    `${last.descriptors} descriptors, ${first.descriptors} before`,
  );
  assert.ok(last.lostSlices > first.lostSlices && last.lostSlices <= ROUNDS, 'what was lost is counted');
  assert.ok(last.tasks - first.tasks <= ROUNDS / 4, `${last.tasks} slots of tasks, ${first.tasks} before`);
  for (const kind of KINDS) {
    const { used, free, onTheirWay } = last.slots[kind];
    assert.equal(onTheirWay, 0, 'nobody has asked anything of anybody');
    const lost = used - free - OWN;
    assert.ok(lost <= IN_HANDS, `${lost} of ${used} slots of ${kind} are on no free list and nobody's`);
  }
});
