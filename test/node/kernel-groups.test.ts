/** How events are put into kernel groups, on a PMU that is a few lines of this file. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseEvents } from '#node/events/parse.js';
import { type Candidate, KernelGroups, candidateOf } from '#node/kernel-groups.js';

const { EACCES, EINVAL, ENOENT, ENOSPC } = constants.errno;
const SOFTWARE = 1n;
const EXCLUDE_USER = 1n;
const EXCLUDE_KERNEL = 2n;
const WORDS = 5;

interface PmuOptions {
  /** What the kernel's validation lets a group have. */
  readonly registers: number;
  /** Of these, what others hold for ever (the NMI watchdog): a larger group validates and is never on. */
  readonly held?: number;
  /** May the kernel's part be counted? */
  readonly kernel?: boolean;
  /** perf_event_attr.config of hardware events that the machine lacks. */
  readonly lacks?: readonly bigint[];
}

/** Answers as native/addon_sources.c does. */
class FakePmu {
  readonly groups: { lines: number[]; bits: bigint[]; missed: number }[] = [];
  readonly #options: PmuOptions;

  constructor(options: PmuOptions) {
    this.#options = options;
  }

  addGroup(lines: Int32Array, specs: BigUint64Array, missed: number): [number, number, number] {
    const events = Array.from(lines, (_, i) => specs.subarray(i * WORDS, (i + 1) * WORDS));
    let hardware = 0;
    for (const [i, event] of events.entries()) {
      hardware += Number(event[0] !== SOFTWARE);
      const errno = this.#errno(event, hardware);
      if (errno !== 0) return [errno, i, 0];
    }
    const taken = this.groups.length > 0 && hardware > 0;
    this.groups.push({ lines: [...lines], bits: events.map((event) => event[4]!), missed });
    const free = this.#options.registers - (this.#options.held ?? 0);
    return [0, lines.length, hardware <= free && !taken ? 1 : 0];
  }

  #errno([type, config, , , exclude]: BigUint64Array, hardware: number): number {
    const { registers, kernel = true, lacks = [] } = this.#options;
    if (!kernel && (exclude! & EXCLUDE_KERNEL) === 0n) return EACCES;
    if (type === SOFTWARE) return 0;
    if (lacks.includes(config!)) return ENOENT;
    return hardware > registers ? EINVAL : 0;
  }

  removeGroup(): void {
    this.groups.pop();
  }
}

function opened(pmu: FakePmu, list: string, missedLine = (group: number): number => 20 + group) {
  const kernel = new KernelGroups(pmu, missedLine);
  const groups = parseEvents(list, () => []);
  const candidates: Candidate[][] = [];
  let line = 7;
  for (const group of groups)
    candidates.push(
      group.flatMap((event) => (event.source.kind === 'perf' ? [candidateOf(event.source, line++)] : [])),
    );
  for (const group of candidates) if (group.length > 1) kernel.openGroup(group);
  kernel.openLoose(candidates.filter((group) => group.length === 1).flat());
  const errnos = candidates.flat().map((candidate) => kernel.outcomes.get(candidate)!.errno);
  return { kernel, candidates: candidates.flat(), errnos };
}

const sizes = (pmu: FakePmu): number[] => pmu.groups.map(({ lines }) => lines.length);

test('what fits is one group, software events last in it', () => {
  const pmu = new FakePmu({ registers: 4 });
  const { errnos } = opened(pmu, 'page-faults,cycles,instructions,context-switches');
  assert.deepEqual(errnos, [0, 0, 0, 0]);
  assert.deepEqual(
    pmu.groups.map(({ lines }) => lines),
    [[8, 9, 7, 10]],
  );
});

test('what does not fit takes turns in as few groups as possible, software events apart', () => {
  const pmu = new FakePmu({ registers: 4 });
  const list = 'r1,r2,r3,r4,r5,r6,r7,r8,r9,page-faults';
  const { kernel, candidates } = opened(pmu, list);
  assert.deepEqual(sizes(pmu), [4, 4, 1, 1]);
  assert.deepEqual(
    candidates.map((candidate) => kernel.outcomes.get(candidate)!.missedLine),
    [20, 20, 20, 20, 21, 21, 21, 21, 22, 0],
  );
});

test('where others hold registers the groups are as small as those that got on', () => {
  const pmu = new FakePmu({ registers: 4, held: 1 });
  opened(pmu, 'r1,r2,r3,r4,r5,r6,r7,r8');
  assert.ok(
    sizes(pmu).every((size) => size <= 2),
    String(sizes(pmu)),
  );
});

test('what the machine lacks is refused alone', () => {
  const pmu = new FakePmu({ registers: 4, lacks: [1n] });
  assert.deepEqual(opened(pmu, 'cycles,instructions,branches').errnos, [0, ENOENT, 0]);
  assert.deepEqual(sizes(pmu), [2]);
});

test('without kernel rights the rest is counted; what is of no use so is refused, not counted as 0', () => {
  const pmu = new FakePmu({ registers: 4, kernel: false });
  const { errnos, kernel, candidates } = opened(
    pmu,
    'cycles,cycles:k,page-faults,context-switches,instructions:u',
  );
  assert.deepEqual(errnos, [0, EACCES, EACCES, EACCES, 0]);
  assert.deepEqual(pmu.groups[0]!.bits, [EXCLUDE_KERNEL, EXCLUDE_KERNEL]);
  assert.ok(pmu.groups.every(({ bits }) => bits.every((bit) => bit !== (EXCLUDE_USER | EXCLUDE_KERNEL))));
  assert.deepEqual(
    candidates.map((candidate) => kernel.outcomes.get(candidate)!.isUserOnly),
    [true, false, false, false, false],
  );
});

test('a group of the user is opened as a whole or not at all, and the culprit is named', () => {
  const pmu = new FakePmu({ registers: 2 });
  const kernel = new KernelGroups(pmu, () => 20);
  const group = parseEvents('{r1,r2,r3}', () => [])[0]!.flatMap((event, i) =>
    event.source.kind === 'perf' ? [candidateOf(event.source, 7 + i)] : [],
  );
  assert.equal(kernel.openGroup(group), group[2]);
  assert.deepEqual(
    group.map((event) => kernel.outcomes.get(event)!.errno),
    [EINVAL, EINVAL, EINVAL],
  );
  assert.equal(pmu.groups.length, 0);
});

test('a group whose missed time finds no room is refused: it could not be told from a part of itself', () => {
  const pmu = new FakePmu({ registers: 2 });
  const { errnos } = opened(pmu, 'r1,r2,r3,r4', (group) => (group === 0 ? 20 : 0));
  assert.deepEqual(errnos, [0, 0, ENOSPC, ENOSPC]);
});

test('whatever is asked of whatever PMU, each event is in one group or refused, and it ends', () => {
  const event = fc.constantFrom(
    'cycles',
    'instructions',
    'branches',
    'page-faults',
    'cpu-migrations',
    'r1',
    'r2',
    'r3',
    'r4',
    'cycles:u',
    'r5:k',
  );
  const options = fc.record({
    registers: fc.integer({ min: 0, max: 6 }),
    held: fc.integer({ min: 0, max: 3 }),
    kernel: fc.boolean(),
    lacks: fc.subarray([0n, 1n, 4n]),
  });
  fc.assert(
    fc.property(fc.uniqueArray(event, { minLength: 1 }), options, (events, machine) => {
      const pmu = new FakePmu(machine);
      const { candidates, errnos } = opened(pmu, events.join(','));
      const inGroups = pmu.groups.flatMap(({ lines }) => lines).toSorted((a, b) => a - b);
      const counted = candidates.filter((_, i) => errnos[i] === 0).map(({ line }) => line);
      assert.deepEqual(inGroups, counted);
    }),
  );
});
