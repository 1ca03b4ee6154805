/** The PMUs that the kernel offers: their folders under /sys/bus/event_source/devices. */
import fs from 'node:fs';
import path from 'node:path';

export const PMU_DIRECTORY: string = '/sys/bus/event_source/devices';

/** Which bits of which word a term of the PMU's grammar fills, lowest first. */
export interface Format {
  readonly word: 'config' | 'config1' | 'config2';
  readonly bits: readonly number[];
}

export interface Pmu {
  readonly name: string;
  /** perf_event_attr.type. */
  readonly type: number;
  /** The processor's own counters. A machine with several kinds of core has several such PMUs. */
  readonly isCore: boolean;
  /** false: it counts what a whole chip does, so no thread has a share. */
  readonly countsThreads: boolean;
  readonly formats: ReadonlyMap<string, Format>;
  /** Named events as the kernel writes them: `event=0x2e,umask=0x41`. */
  readonly events: ReadonlyMap<string, string>;
}

/** Empty where there is no such folder (another system, a container that hides it). */
export function readPmus(directory: string = PMU_DIRECTORY): Pmu[] {
  return entries(directory)
    .map((name) => readPmu(directory, name))
    .filter((pmu) => pmu !== undefined);
}

function readPmu(directory: string, name: string): Pmu | undefined {
  const folder = path.join(directory, name);
  const type = Number(text(path.join(folder, 'type')));
  if (!Number.isInteger(type) || type < 0) return undefined;
  return {
    name,
    type,
    // As perf does: x86 calls its only one `cpu`, all others list the cores they belong to.
    isCore: name === 'cpu' || text(path.join(folder, 'cpus')) !== '',
    // The cores to count on, one per chip: only PMUs that count chips have this.
    countsThreads: text(path.join(folder, 'cpumask')) === '',
    formats: readFormats(path.join(folder, 'format')),
    events: readEvents(path.join(folder, 'events')),
  };
}

function readFormats(folder: string): Map<string, Format> {
  const formats = new Map<string, Format>();
  for (const name of entries(folder)) {
    const format = parseFormat(text(path.join(folder, name)));
    if (format !== undefined) formats.set(name, format);
  }
  return formats;
}

/** `config:0-7,32-35`, `config1:5`. */
function parseFormat(line: string): Format | undefined {
  const match = /^(config|config1|config2):([\d,-]+)$/.exec(line);
  if (match === null) return undefined;
  const bits = match[2]!.split(',').flatMap((range) => {
    const [first, last] = range.split('-').map(Number);
    return Array.from({ length: (last ?? first!) - first! + 1 }, (_, i) => first! + i);
  });
  return { word: match[1] as Format['word'], bits };
}

function readEvents(folder: string): Map<string, string> {
  const events = new Map<string, string>();
  for (const name of entries(folder)) {
    // Beside some events stand their unit and scale, as `energy-pkg.scale`.
    if (name.includes('.')) continue;
    const terms = text(path.join(folder, name));
    if (terms !== '') events.set(name, terms);
  }
  return events;
}

function entries(folder: string): string[] {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function text(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1').trim();
  } catch {
    return '';
  }
}
