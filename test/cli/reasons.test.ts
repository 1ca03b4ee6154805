/** Why an event is not exact or not counted: the reason is that of the event and of what was set, not of another. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { statesOf } from '#cli/event-state.js';
import type { EventState } from '#cli/event-state.js';
import { errnoText, noAddonText, permissionText } from '#cli/reasons.js';
import type { Surroundings } from '#cli/reasons.js';
import type { ProcessFacts } from '#cli/process-facts.js';
import { EVENT_ESTIMATED } from '#core/event-table.js';
import { EVENT_GIVEN_FIRST, EVENTS, TASK_CLOCK } from '#core/events.js';
import type { EventInfo } from '#core/events.js';
import { EVENT_LINES, REASON_NO_ADDON, REASON_NONE } from '#core/layout.js';

const { ENOENT, ENOSYS } = constants.errno;
const LINE = EVENT_GIVEN_FIRST;

interface Facts {
  readonly pid?: number;
  readonly reason?: number;
  readonly flags?: number;
  readonly errno?: number;
}

/** A process that counts, or was refused, one event. */
function processOf({ pid = 1, reason = REASON_NONE, flags = 0, errno = 0 }: Facts): ProcessFacts {
  return {
    pid,
    innerPid: pid,
    script: '',
    owner: null,
    node: 'v24.0.0',
    exited: true,
    eventBits: 1 | (errno === 0 ? 1 << LINE : 0),
    estimatedBits: reason === REASON_NO_ADDON ? 1 << TASK_CLOCK : 0,
    reason,
    events: new Map([[LINE, { name: '', flags, errno, missedLine: undefined }]]),
    off: undefined,
  };
}

/** `busy` are the processes in which tasks ran. */
function stateOf(
  name: string,
  processes: readonly ProcessFacts[],
  busy: readonly number[] = [1],
): EventState {
  const event: EventInfo = { id: LINE, name, unit: 'count', additive: true, meaning: name };
  const totals = new Float64Array(EVENT_LINES);
  return statesOf({ events: [event], processes, busyPids: new Set(busy), totals, scaling: new Map() })[0]!;
}

test('without the addon each event says how it is estimated', () => {
  const process = processOf({ reason: REASON_NO_ADDON, flags: EVENT_ESTIMATED });
  for (const [name, expected] of [
    ['gc-time', /^pauses are joined to tasks by time; the native addon is not loaded$/],
    ['page-faults', /^from the whole process's rusage, shared out; the native addon is not loaded$/],
    ['voluntary-switches', /^from the whole process's rusage, shared out; /],
    ['alloc-bytes', /^growth of the used heap; .*the native addon is not loaded$/],
  ] as const) {
    const { kind, reason } = stateOf(name, [process]);
    assert.equal(kind, 'estimated');
    assert.match(reason!, expected);
  }
});

test('what is not counted for want of the addon says so, and not that Node.js lacks it', () => {
  const { supported, reason } = stateOf('cycles', [processOf({ reason: REASON_NO_ADDON, errno: ENOSYS })]);
  assert.equal(supported, false);
  assert.match(reason!, /^the native addon is not loaded/);
  assert.match(
    stateOf('gc-time', [processOf({ errno: ENOSYS })]).reason!,
    /^this Node\.js does not offer it/,
  );
});

test('a compiler is advised only where it would help', () => {
  assert.match(noAddonText('MODULE_NOT_FOUND'), /install a C compiler/);
  assert.match(noAddonText('TASKPERF_NO_ADDON'), /TASKPERF_NO_ADDON=1 asks for; unset it$/);
  assert.doesNotMatch(noAddonText('TASKPERF_NO_ADDON'), /compiler/);
  assert.doesNotMatch(noAddonText({}), /compiler/);
});

test('an event that some processes with tasks did not count is estimated, whoever else did', () => {
  const [parent, child] = [
    processOf({ pid: 1 }),
    processOf({ pid: 2, reason: REASON_NO_ADDON, errno: ENOSYS }),
  ];
  const part = stateOf('minor-faults', [parent, child], [1, 2]);
  assert.equal(part.kind, 'estimated');
  assert.match(part.reason!, /^counted in 1 of 2 processes only: the native addon is not loaded/);
  assert.equal(stateOf('minor-faults', [parent, child], [1]).kind, 'exact');
  assert.equal(stateOf('minor-faults', [parent, child], [2]).supported, false);
});

test('the clocks keep their reason', () => {
  const processes = [processOf({ reason: REASON_NO_ADDON })];
  const events = [EVENTS[TASK_CLOCK]!];
  const totals = new Float64Array(EVENT_LINES);
  const [state] = statesOf({ events, processes, busyPids: new Set([1]), totals, scaling: new Map() });
  assert.match(state!.reason!, /^the native addon is not loaded/);
});

test('who refuses perf events decides about the remedy', () => {
  const none: Surroundings = { isSpared: false, isTurnedOff: false, capabilities: [] };
  assert.match(permissionText(1, none), /sysctl kernel\.perf_event_paranoid=1/);
  assert.match(permissionText(2, none), /sysctl kernel\.perf_event_paranoid=2/);
  assert.equal(permissionText(1, { ...none, isTurnedOff: true }), 'TASKPERF_NO_PERF=1 is set; unset it');
  const spared = permissionText(1, { ...none, isSpared: true, isTurnedOff: true });
  assert.match(spared, /a seccomp filter kills/);
  assert.doesNotMatch(spared, /unset/);
  const root = permissionText(1, { ...none, capabilities: ['CAP_PERFMON'] });
  assert.match(root, /`taskperf doctor`/);
  assert.doesNotMatch(root, /sysctl/);
});

test('only events of registers want for a PMU', () => {
  assert.match(errnoText(ENOENT, 'cycles:u'), /no PMU/);
  for (const name of ['alignment-faults', 'alignment-faults:u', 'software/config=99/', 'msr/tsc/'])
    assert.doesNotMatch(errnoText(ENOENT, name), /no PMU/, name);
  assert.match(errnoText(ENOENT, 'msr/tsc/'), /the PMU msr does not count it/);
});
