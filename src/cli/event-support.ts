/**
 * Whether this machine counts an event, and how exactly: found by opening it as a process would, and by what the doctor
 * says of the clocks and of the runtime. Events of the kernel are tried one by one, so none is refused for another's sake.
 */
import { constants } from 'node:os';
import { loadAddon } from '../node/addon.ts';
import type { Addon } from '../node/addon.ts';
import type { PerfSource, ResolvedEvent } from '../node/events/event.ts';
import { KernelGroups, candidateOf } from '../node/kernel-groups.ts';
import type { Machine } from './doctor/machine.ts';
import { tiersOf } from './doctor/tiers.ts';
import type { Tier } from './doctor/tiers.ts';
import { errnoText, estimateText, noAddonText, permissionText, sparePerf } from './reasons.ts';

export interface Support {
  /** null: not supported. */
  readonly kind: 'exact' | 'estimated' | null;
  /** The kernel's part may not be counted. */
  readonly userOnly: boolean;
  /** Why it is not supported or not exact; null when it is. */
  readonly reason: string | null;
}

export class EventSupport {
  readonly #tiers: ReadonlyMap<string, Tier>;
  readonly #addon: Pick<Addon, 'tryGroup'> | null;

  constructor(machine: Machine, addon: Pick<Addon, 'tryGroup'> | null) {
    const named = tiersOf(machine).flatMap((tier) =>
      tier.events.split(', ').map((name) => [name, tier] as const),
    );
    this.#tiers = new Map(named);
    this.#addon = addon;
  }

  /** Where a filter kills who opens an event, as if they were refused. */
  static here(machine: Machine): EventSupport {
    if (typeof machine.probe === 'string') return new EventSupport(machine, null);
    if (machine.probe.perfKills) sparePerf();
    return new EventSupport(machine, loadAddon());
  }

  of({ name, source }: ResolvedEvent): Support {
    if (source.kind === 'perf') return this.#tried(name, source);
    if (source.kind === 'rusage') return this.#addon === null ? sharedOut(name) : EXACT;
    const tier = this.#tiers.get(name);
    if (tier?.kind === 'not supported') return unsupported(tier.how);
    return tier?.kind === 'estimated' ? estimated(tier.how) : EXACT;
  }

  #tried(name: string, source: PerfSource): Support {
    if (this.#addon === null) return source.instead === null ? unsupported(noAddonText()) : sharedOut(name);
    const kernel = KernelGroups.onTrial(this.#addon);
    const candidate = candidateOf(source, 0);
    kernel.openLoose([candidate]);
    const { errno, isUserOnly } = kernel.outcomes.get(candidate)!;
    if (errno === 0) return { ...EXACT, userOnly: isUserOnly };
    if (source.instead !== null) return EXACT;
    const isKernels = source.kernelOnly && errno === constants.errno.EACCES;
    return unsupported(
      isKernels
        ? `it happens in the kernel, whose part may not be counted: ${permissionText()}`
        : errnoText(errno, name),
    );
  }
}

const EXACT: Support = { kind: 'exact', userOnly: false, reason: null };

function estimated(reason: string): Support {
  return { kind: 'estimated', userOnly: false, reason };
}

/** Of the process, where no thread can be asked. */
function sharedOut(name: string): Support {
  return estimated(estimateText(name, false));
}

function unsupported(reason: string): Support {
  return { kind: null, userOnly: false, reason };
}
