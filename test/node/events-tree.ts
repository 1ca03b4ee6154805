/** PMU folders as the kernel makes them under /sys/bus/event_source/devices, for machines that this one is not. */
import fs from 'node:fs';
import path from 'node:path';

export type Tree = { readonly [name: string]: string | Tree };

export function writeTree(folder: string, tree: Tree): void {
  fs.mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(tree)) {
    const file = path.join(folder, name);
    if (typeof content === 'string') fs.writeFileSync(file, `${content}\n`);
    else writeTree(file, content);
  }
}

const INTEL_FORMAT: Tree = {
  event: 'config:0-7',
  umask: 'config:8-15',
  edge: 'config:18',
  inv: 'config:23',
  cmask: 'config:24-31',
  offcore_rsp: 'config1:0-63',
  ldlat: 'config1:0-15',
};

export const SOFTWARE: Tree = { software: { type: '1' }, tracepoint: { type: '2' } };

/** One kind of core, and a PMU of the chip. */
export const INTEL: Tree = {
  ...SOFTWARE,
  cpu: {
    type: '4',
    rdpmc: '1',
    format: INTEL_FORMAT,
    events: {
      'cache-misses': 'event=0x2e,umask=0x41',
      'cpu-cycles': 'event=0x3c',
      'mem-loads': 'event=0xcd,umask=0x1,ldlat=3',
      'topdown-slots': 'event=0x00,umask=0x4',
    },
  },
  msr: { type: '9', format: { event: 'config:0-63' }, events: { tsc: 'event=0x00', aperf: 'event=0x01' } },
  power: {
    type: '10',
    cpumask: '0',
    format: { event: 'config:0-7' },
    events: { 'energy-pkg': 'event=0x02', 'energy-pkg.scale': '2.3e-10', 'energy-pkg.unit': 'Joules' },
  },
};

/** The event number is in two pieces, as on all Zen processors. */
export const AMD: Tree = {
  ...SOFTWARE,
  cpu: {
    type: '4',
    format: { event: 'config:0-7,32-35', umask: 'config:8-15', cmask: 'config:24-31' },
    events: { 'stalled-cycles-frontend': 'event=0x187', 'branch-misses': 'event=0xc3' },
  },
};

export const HYBRID: Tree = {
  ...SOFTWARE,
  cpu_core: {
    type: '4',
    cpus: '0-7',
    format: INTEL_FORMAT,
    events: { 'cache-misses': 'event=0x2e,umask=0x41', slots: 'event=0x00,umask=0x4' },
  },
  cpu_atom: {
    type: '10',
    cpus: '8-15',
    format: INTEL_FORMAT,
    events: { 'cache-misses': 'event=0x2e,umask=0x41' },
  },
};

export const ARM: Tree = {
  ...SOFTWARE,
  armv8_pmuv3_0: {
    type: '8',
    cpus: '0-3',
    format: { event: 'config:0-15', long: 'config1:0', rdpmc: 'config1:1' },
    events: { inst_retired: 'event=0x0008', l1d_cache_refill: 'event=0x0003', partial: 'event=0x1,core=?' },
  },
};
