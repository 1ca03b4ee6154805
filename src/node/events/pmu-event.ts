/**
 * An event in a PMU's own words, `cpu/event=0x3c,umask=0x1,name=foo/`: terms are named after bit fields (format/), or are
 * whole events that the kernel has names for (events/), or one of perf's generic names. A later term overrides an earlier.
 */
import { TaskperfError } from '../../core/index.ts';
import { cacheEvent } from './cache.ts';
import type { PerfSpec } from './event.ts';
import { NO_EXCLUSION } from './event.ts';
import { knownEvent } from './known.ts';
import { nearest } from './nearest.ts';
import type { Format, Pmu } from './pmus.ts';

export interface PmuEvent {
  readonly spec: PerfSpec;
  /** What `name=` said. */
  readonly name: string | undefined;
}

interface Draft {
  type: number;
  config: bigint;
  config1: bigint;
  config2: bigint;
  name: string | undefined;
}

/** `raw` is a name like r1a2. */
export const RAW_EVENT: RegExp = /^r(?:0x)?([\da-f]{1,16})$/i;
const WORD_MAX = (1n << 64n) - 1n;
/** perf's PERF_PMU_TYPE_SHIFT: which of several core PMUs a generic event is for. */
const TYPE_SHIFT = 32n;

/** Throws ENOENT or EINVAL. */
export function parsePmuEvent(pmu: Pmu, terms: string): PmuEvent {
  if (!pmu.countsThreads) {
    throw new TaskperfError(
      'EINVAL',
      `the PMU '${pmu.name}' counts what a whole chip does, no thread has a share of it; ` +
        `\`taskperf list\` shows the events that threads have`,
      pmu.name,
    );
  }
  const draft: Draft = { type: pmu.type, config: 0n, config1: 0n, config2: 0n, name: undefined };
  for (const term of terms.split(',')) applyTerm(draft, pmu, term.trim());
  const { name, ...words } = draft;
  return { spec: { ...words, ...NO_EXCLUSION }, name };
}

/** perf's generic event, for one of several core PMUs. */
export function forCorePmu(spec: PerfSpec, pmu: Pmu): PerfSpec {
  return { ...spec, config: spec.config | (BigInt(pmu.type) << TYPE_SHIFT) };
}

function applyTerm(draft: Draft, pmu: Pmu, term: string): void {
  const { key, value } = splitTerm(term);
  if (key === 'name') draft.name = eventName(value ?? '');
  else if (applyField(draft, pmu, term)) return;
  else if (value === undefined) applyEvent(draft, pmu, key);
  else throw unknownTerm(pmu, term, key);
}

/** A bit field or a whole word; false when the term is neither. */
function applyField(draft: Draft, pmu: Pmu, term: string): boolean {
  const { key, value } = splitTerm(term);
  const format = pmu.formats.get(key);
  if (format !== undefined) setField(draft, format, term, value);
  else if (key === 'config' || key === 'config1' || key === 'config2') draft[key] = parseNumber(term, value);
  else return false;
  return true;
}

function splitTerm(term: string): { key: string; value: string | undefined } {
  const equals = term.indexOf('=');
  if (equals === -1) return { key: term, value: undefined };
  return { key: term.slice(0, equals).trim(), value: term.slice(equals + 1).trim() };
}

/** A whole event as a term. */
function applyEvent(draft: Draft, pmu: Pmu, name: string): void {
  const terms = pmu.events.get(name);
  if (terms !== undefined) {
    // The kernel's own text holds fields only.
    for (const term of terms.split(','))
      if (!applyField(draft, pmu, term.trim())) throw unknownTerm(pmu, term, splitTerm(term).key);
    return;
  }
  const raw = RAW_EVENT.exec(name);
  if (raw !== null) {
    draft.config = BigInt(`0x${raw[1]}`);
    return;
  }
  const generic = pmu.isCore ? (knownEvent(name) ?? cacheEvent(name)) : undefined;
  if (generic?.source.kind !== 'perf' || generic.kind === 'software') throw unknownTerm(pmu, name, name);
  const { type, config } = pmu.name === 'cpu' ? generic.source.spec : forCorePmu(generic.source.spec, pmu);
  draft.type = type;
  draft.config = config;
}

function setField(draft: Draft, { word, bits }: Format, term: string, text: string | undefined): void {
  const value = text === undefined ? 1n : parseNumber(term, text);
  const most = (1n << BigInt(bits.length)) - 1n;
  if (value > most) {
    throw new TaskperfError(
      'EINVAL',
      `the value of '${term}' does not fit; it may be at most 0x${most.toString(16)}`,
      term,
    );
  }
  for (const [i, bit] of bits.entries()) {
    const mask = 1n << BigInt(bit);
    draft[word] = (value >> BigInt(i)) & 1n ? draft[word] | mask : draft[word] & ~mask;
  }
}

function parseNumber(term: string, text: string | undefined): bigint {
  const value = /^(0x[\da-f]+|\d+)$/i.test(text ?? '') ? BigInt(text!) : WORD_MAX + 1n;
  if (value <= WORD_MAX) return value;
  throw new TaskperfError(
    'EINVAL',
    `the value of '${term}' is not a number of 64 bits; write it as 60 or 0x3c`,
    term,
  );
}

function eventName(name: string): string {
  if (/^[^\s\p{Cc}]+$/u.test(name)) return name;
  throw new TaskperfError('EINVAL', `'name=${name}' is not a name; write it as name=l2-misses`, name);
}

function unknownTerm(pmu: Pmu, term: string, key: string): TaskperfError {
  const fields = [...pmu.formats.keys()];
  const near = nearest(key, [...fields, ...pmu.events.keys(), 'name']);
  const hint = near === undefined ? '' : `did you mean '${near}'? `;
  const known = fields.length === 0 ? 'config' : fields.join(', ');
  return new TaskperfError(
    'EINVAL',
    `unknown term '${term}' of the PMU '${pmu.name}'; ${hint}its fields are ${known}, ` +
      `\`taskperf list\` shows its events`,
    term,
  );
}
