import { EVENTS } from '../../core/index.ts';
import type { EventGroup, EventSource, ResolvedEvent } from './event.ts';
const HW: Record<string, [number, bigint]> = {
  cycles: [0, 0n],
  instructions: [0, 1n],
  branches: [0, 4n],
  'page-faults': [1, 2n],
  'minor-faults': [1, 5n],
  'context-switches': [1, 3n],
  'cpu-migrations': [1, 4n],
};
export function parseEvents(list: string): EventGroup[] {
  return list.split(',').map((name) => ({ events: [one(name)], isExplicit: false }));
}
function one(name: string): ResolvedEvent {
  const fixed = EVENTS.find((event) => event.name === name);
  const hw = HW[name];
  const source: EventSource = fixed
    ? { kind: 'fixed', line: fixed.id }
    : hw
      ? {
          kind: 'perf',
          spec: {
            type: hw[0],
            config: hw[1],
            config1: 0n,
            config2: 0n,
            excludeUser: false,
            excludeKernel: false,
          },
          ...(name.includes('faults') || name.startsWith('context') ? { fallback: name as never } : {}),
        }
      : { kind: 'single', source: name as never };
  return {
    name,
    text: name,
    unit: fixed?.unit ?? (name === 'gc-time' ? 'ns' : name.includes('bytes') ? 'bytes' : 'count'),
    meaning: fixed?.meaning ?? name,
    additive: fixed?.additive ?? true,
    source,
  };
}
