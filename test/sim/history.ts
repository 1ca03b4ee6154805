/**
 * Bugs that Linux had (H1-H48), as scenarios that consist of whole operations one after the other. Each holds on our core
 * and fails on one into which the bug has been put back (`edits`). Those that need two threads in mid-operation are in
 * the interleaving explorer; docs/simulation.md lists all 48.
 */
import type { Core, Edit } from './cores.ts';
import { ATTACH_HISTORY } from './history-attach.ts';
import { COUNTING_HISTORY } from './history-counting.ts';
import { SWITCH_HISTORY } from './history-switch.ts';

export interface Story {
  /** The number in the list of historical bugs. */
  readonly bug: string;
  readonly title: string;
  /** Puts the bug back. */
  readonly edits: readonly Edit[];
  /** Throws when it is there. */
  readonly check: (core: Core) => void;
}

export const HISTORY: readonly Story[] = [...SWITCH_HISTORY, ...ATTACH_HISTORY, ...COUNTING_HISTORY];
