// The variants with taskperf, as `taskperf stat` starts the server, and what the region says was counted.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../machine.mjs';

/** What every request is counted with; nothing where taskperf is only loaded. */
const EVENTS = {
  loaded: '',
  /** What `taskperf stat` counts unless told otherwise, on a machine without hardware counters. */
  counting: 'task-clock,wait,gc-time',
  /** The same with them. */
  hardware: 'task-clock,wait,gc-time,cycles,instructions',
  /** Where the system does not let user space read counters. */
  'hardware-read': 'task-clock,wait,gc-time,cycles,instructions',
  alloc: 'task-clock,wait,gc-time,alloc-bytes',
};

/** Variants whose requests are counted. */
export const COUNTING = new Set(['counting', 'top', 'hardware', 'hardware-read', 'alloc']);

export const countedVariants = Object.fromEntries(
  Object.keys(EVENTS).map((name) => [name, ({ directory }) => ({ env: childVariables(name, directory) })]),
);

/** What `taskperf stat` sets in the environment; `at` is where the package is on the machine that runs it. */
export function childVariables(variant, directory, at = root) {
  if (variant === 'none') return {};
  const bootstrap = ['dist', 'node', 'bootstrap.cjs'];
  if (!existsSync(join(root, ...bootstrap))) throw new Error('dist/ is missing: run npm run build');
  return {
    NODE_OPTIONS: `--require "${join(at, ...bootstrap)}"`,
    TASKPERF_EVENTS: EVENTS[variant],
    TASKPERF_DIR: directory,
    TASKPERF_SESSION: String(process.pid),
    ...(variant === 'hardware-read' ? { TASKPERF_NO_RDPMC: '1' } : {}),
  };
}

/** Tasks that ended, from the region of the one process in the directory. */
export async function countedRequests(directory) {
  const core = await import(join(root, 'dist', 'core', 'index.js'));
  const names = readdirSync(directory);
  const name = names.find((entry) => /^\d+$/.test(entry));
  if (name === undefined) throw new Error(`taskperf made no region, but: ${names.join(', ') || 'nothing'}`);
  const bytes = readFileSync(join(directory, name));
  const region = core.Region.open(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const { layout, i32, f64 } = region;
  if (i32[core.H_OFF] !== 0) throw new Error('taskperf switched itself off during the benchmark');
  let exits = 0;
  for (let index = 0; index < i32[core.H_NAMES_USED]; index++)
    exits += f64[core.nameTotalF64(layout, 0, index) + core.NT_F64_EXITS];
  return exits;
}
