/** Collections and allocation counted per task, with the addon and without, against a program's own observer. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '#node/addon.js';

type Counts = Record<'gc-time' | 'gc-count' | 'gc-minor' | 'gc-major' | 'alloc-bytes', number>;
interface Report {
  readonly garbage: Counts;
  readonly busy: Counts;
  readonly total: Counts;
  readonly observed: Omit<Counts, 'alloc-bytes'>;
  readonly known: number;
}

/** Without it V8 collects the young generation mostly between callbacks, in the loop's time. */
const FLAGS = ['--no-minor-gc-task'];
const program = fileURLToPath(new URL('../../../test/fixtures/programs/gc-tasks.mjs', import.meta.url));

function run(environment: Record<string, string>): Report {
  const env = { ...process.env, ...environment };
  const child = spawnSync(process.execPath, [...FLAGS, program], { encoding: 'utf8', env, timeout: 60_000 });
  assert.equal(child.status, 0, child.stderr);
  return JSON.parse(child.stdout) as Report;
}

/** Minor collections come where memory runs out: in the task that makes garbage. Full ones may end in the loop's time. */
function assertPauses({ garbage, busy, total, observed }: Report): void {
  const text = JSON.stringify({ garbage, busy, total, observed });
  assert.equal(total['gc-minor'], observed['gc-minor'], text);
  assert.ok(garbage['gc-minor'] >= observed['gc-minor'] * 0.9 && observed['gc-minor'] > 5, text);
  for (const event of ['gc-time', 'gc-count', 'gc-major'] as const) {
    assert.ok(total[event] <= observed[event] * 1.01, `${event}: ${text}`);
    assert.ok(garbage[event] + busy[event] <= total[event], `${event}: ${text}`);
  }
  assert.ok(total['gc-count'] >= observed['gc-minor'], text);
  assert.ok(total['gc-time'] > observed['gc-time'] * 0.2, text);
}

const skip = loadAddon() === null && 'there is no addon here';

describe('garbage collection per task', () => {
  test('with the addon', { skip }, () => {
    const report = run({});
    assertPauses(report);
    const { garbage, busy, known } = report;
    assert.ok(Math.abs(garbage['alloc-bytes'] / known - 1) < 0.05, `${garbage['alloc-bytes']} of ${known}`);
    assert.ok(busy['alloc-bytes'] < known * 0.02, String(busy['alloc-bytes']));
  });

  test('without it, by performance entries and the used heap', () => {
    const report = run({ TASKPERF_NO_ADDON: '1' });
    assertPauses(report);
    const { garbage, busy, known } = report;
    // Where V8 does not tell: a lower bound, there being no reading at each collection. Where it does: whole buffers.
    const share = garbage['alloc-bytes'] / known;
    assert.ok(share > 0.05 && share < 1.15, String(share));
    // A buffer that V8 has taken for the one may be seen when the other runs: 20 % on Node 26, once.
    assert.ok(busy['alloc-bytes'] < known * 0.3, String(busy['alloc-bytes']));
  });
});
