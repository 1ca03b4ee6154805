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

const WARM_UP = 2000; // enough for the optimising compiler to have taken the hot path
const MEASURED = 1000;
const SCRATCH = { threads: 1, names: 1, tasks: 3, contexts: 3, counters: 8, ring: 1 };
const NOBODY = { pid: 0, session: 0, nodeVersion: '', startEpochMs: 0, startMono: 0 };

export function calibrateSwitch(cpu: Cpu): void {
  const { region } = cpu;
  if (region.f64[H_F64_SWITCH_COST] !== 0) return;
  const scratch = Region.format(new ArrayBuffer(layoutOf(SCRATCH).bytes), SCRATCH, NOBODY);
  const raw = new Float64Array(EVENT_LINES);
  const pmu = { read: (lines: Float64Array): number => cpu.pmu.read(lines), events: cpu.pmu.events };
  const twin = new Cpu(scratch, pmu, { threadId: 0, tid: 0, name: '(other)' });
  twin.openCounter({ event: TASK_CLOCK, task: twin.root, inherit: true, inheritStat: true });
  const first = twin.fork(twin.root, NAME_OTHER);
  const second = twin.fork(twin.root, NAME_OTHER);
  let start = 0;
  for (let i = 0; i < WARM_UP + MEASURED; i++) {
    if (i === WARM_UP) start = cpu.pmu.read(raw);
    twin.switchTo(first);
    twin.switchTo(second);
  }
  region.f64[H_F64_SWITCH_COST] = (cpu.pmu.read(raw) - start) / (2 * MEASURED);
}
