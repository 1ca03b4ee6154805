/**
 * What one switch costs here and now, in ns, so that the tool can say what taskperf itself added. Measured on a scratch
 * region with the same clock and the same events, so no count of the program is touched.
 */
import {
  Cpu,
  EVENT_LINES,
  H_F64_SWITCH_COST,
  NAME_OTHER,
  Region,
  TASK_CLOCK,
  layoutOf,
} from '../core/index.ts';

/** A server's switches run compiled; rounds go on until the compiler has come, seen as the least of them standing still. */
const PAIRS = 250;
const ROUNDS_MAX = 60;
const ROUNDS_STILL = 20;
const ROUNDS_AT_END = 3;
/** More is not taken from the program's start, where a switch is dear: with counters that are read by system calls. */
const BUDGET_NS = 10e6;
const SCRATCH = { threads: 1, names: 1, tasks: 3, contexts: 3, counters: 8, ring: 1 };
const NOBODY = { pid: 0, session: 0, nodeVersion: '', startEpochMs: 0, startMono: 0 };

/**
 * Returns what measures it once more, in a fraction of a ms: at the program's end all is compiled, so what was measured
 * at its start before the compiler had come is put right.
 */
export function calibrateSwitch(cpu: Cpu): () => void {
  const { region } = cpu;
  if (region.f64[H_F64_SWITCH_COST] !== 0) return () => {};
  const scratch = Region.format(new ArrayBuffer(layoutOf(SCRATCH).bytes), SCRATCH, NOBODY);
  const raw = new Float64Array(EVENT_LINES);
  const pmu = { read: (lines: Float64Array): number => cpu.pmu.read(lines), events: cpu.pmu.events };
  const twin = new Cpu(scratch, pmu, { threadId: 0, tid: 0, name: '(other)' });
  twin.openCounter({ event: TASK_CLOCK, task: twin.root, inherit: true, inheritStat: true });
  const first = twin.fork(twin.root, NAME_OTHER);
  const second = twin.fork(twin.root, NAME_OTHER);
  const turns = (pairs: number): number => {
    const start = cpu.pmu.read(raw);
    for (let i = 0; i < pairs; i++) {
      twin.switchTo(first);
      twin.switchTo(second);
    }
    return (cpu.pmu.read(raw) - start) / (2 * pairs);
  };
  const end = cpu.pmu.read(raw) + BUDGET_NS;
  let least = turns(PAIRS);
  for (let round = 1, still = 0; round < ROUNDS_MAX && still < ROUNDS_STILL; round++) {
    if (cpu.pmu.read(raw) > end) break;
    const cost = turns(PAIRS);
    still = cost < least * 0.95 ? 0 : still + 1;
    least = Math.min(least, cost);
  }
  region.f64[H_F64_SWITCH_COST] = least;
  return () => {
    for (let round = 0; round < ROUNDS_AT_END; round++) least = Math.min(least, turns(PAIRS));
    region.f64[H_F64_SWITCH_COST] = least;
  };
}
