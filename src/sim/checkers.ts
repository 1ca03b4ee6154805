/**
 * The invariants I1-I45 that have a meaning here, as functions over a census of the region, called between any two
 * operations. One that does not hold is a bug, even if no value is wrong yet.
 */
import type { Machine } from './machine.ts';
import { checkFamilies, checkGroups, checkLists } from './check-counters.ts';
import { checkActive, checkClones, checkOwners, checkPlaces, checkTombstones } from './check-contexts.ts';
import { checkActivity, checkGroupsOnPmu, checkSlotsTaken } from './check-slots.ts';
import { checkBooksAtRest, checkTimes } from './check-times.ts';
import { checkContextReferences, checkLeaks, checkSlots, checkTaskReferences } from './check-references.ts';
import type { Census } from './census.ts';

export interface Checker {
  /** The invariants it checks. */
  readonly invariants: readonly string[];
  readonly check: (machine: Machine, census: Census) => void;
}

export const CHECKERS: readonly Checker[] = [
  { invariants: ['I1', 'I3', 'I5'], check: checkContextReferences },
  { invariants: ['I2', 'I4'], check: checkSlots },
  { invariants: ['I8'], check: checkTaskReferences },
  { invariants: ['I7'], check: checkFamilies },
  { invariants: ['I9', 'I14'], check: checkOwners },
  { invariants: ['I10', 'I11', 'I12'], check: checkActive },
  { invariants: ['I13', 'I35'], check: checkTombstones },
  { invariants: ['I15', 'I16', 'I18'], check: checkLists },
  { invariants: ['I17', 'I19', 'I20'], check: checkGroups },
  { invariants: ['I22'], check: checkActivity },
  { invariants: ['I21', 'I23', 'I28'], check: checkSlotsTaken },
  { invariants: ['I22', 'I24'], check: checkGroupsOnPmu },
  { invariants: ['I32', 'I33'], check: checkTimes },
  { invariants: ['I37'], check: checkClones },
  { invariants: ['I38', 'I40'], check: checkPlaces },
  { invariants: ['conservation'], check: checkBooksAtRest },
];

export function checkAll(machine: Machine, checkers: readonly Checker[]): void {
  const { census } = machine;
  census.take();
  for (const { check } of checkers) check(machine, census);
}

/** I6: at the end, with everything closed and ended. */
export function checkQuiet(machine: Machine): void {
  machine.census.take();
  checkLeaks(machine, machine.census);
}
