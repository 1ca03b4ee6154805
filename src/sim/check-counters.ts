/** Chains, groups, families and states of counters. */
import {
  C_COUNT,
  C_LAST,
  C_REFS,
  C_SLOTTED,
  C_STAT,
  R_CONTEXT,
  R_FAMILY,
  R_LEADER,
  R_PARENT,
  R_REFS,
} from '../core/index.ts';
import { CHAINED, LISTED, counterWordOf, packedOf } from '../core/counter.ts';
import { firstChild, nextChild } from '../core/family.ts';
import { type Census, USE_COUNTER } from './census.ts';
import type { Machine } from './machine.ts';
import { demand } from './violation.ts';

/** I15, I16, I18: what a context says of its chain is so. */
export function checkLists(machine: Machine, census: Census): void {
  const { i32, contextW } = machine.region;
  for (let c = 1; c <= census.contextsUsed; c++) {
    const at = contextW + (c << 4);
    if (i32[at + C_REFS]! <= 0) continue;
    const count = i32[at + C_COUNT]!;
    const listed = census.contextListed[c]!;
    demand(count === listed, 'I15', () => `context ${c} counts ${count} counters, ${listed} are listed`);
    demand(
      i32[at + C_LAST] === census.contextLast[c],
      'I15',
      () => `the last of context ${c}'s chain is not`,
    );
    const stat = census.contextStat[c]!;
    demand(
      i32[at + C_STAT] === stat,
      'I16',
      () => `context ${c} says ${i32[at + C_STAT]} need a reading: ${stat} do`,
    );
    const slotted = census.contextSlotted[c]!;
    demand(
      i32[at + C_SLOTTED] === slotted,
      'I16',
      () => `context ${c} says ${i32[at + C_SLOTTED]} take slots`,
    );
  }
}

/** I17, I19, I20: a leader leads itself and is on its siblings' context. */
export function checkGroups(machine: Machine, census: Census): void {
  const { region } = machine;
  for (let r = 1; r <= census.countersUsed; r++) {
    if (census.counterUse[r] !== USE_COUNTER) continue;
    const packed = packedOf(region, r);
    const isChained = (packed & CHAINED) !== 0;
    demand(isChained === (census.counterChains[r] === 1), 'I17', () => `counter ${r}, chained ${isChained}`);
    demand((packed & LISTED) === 0 || isChained, 'I17', () => `counter ${r} is listed and on no chain`);
    const leader = counterWordOf(region, r, R_LEADER);
    if (leader === r) continue;
    demand(census.counterUse[leader] === USE_COUNTER, 'I20', () => `counter ${r}'s leader ${leader} is gone`);
    const leads = counterWordOf(region, leader, R_LEADER) === leader;
    demand(leads, 'I17', () => `counter ${r}'s leader ${leader} has a leader`);
    const context = counterWordOf(region, r, R_CONTEXT);
    const isShared = context === counterWordOf(region, leader, R_CONTEXT);
    demand(isShared, 'I19', () => `counter ${r} and its leader ${leader} are on different contexts`);
  }
}

/** I7: an original is kept by its handle and by each child; parent and children know each other. */
export function checkFamilies(machine: Machine, census: Census): void {
  const { region } = machine;
  for (const { handle } of machine.counters) {
    let children = 0;
    let previous = 0;
    for (let c = firstChild(region, handle); c !== 0; c = nextChild(region, c)) {
      const isLinked =
        counterWordOf(region, c, R_PARENT) === handle && counterWordOf(region, c, R_REFS) === previous;
      const isChild = census.counterUse[c] === USE_COUNTER && isLinked;
      demand(isChild, 'I7', () => `${c} is in counter ${handle}'s family and not its child`);
      children++;
      previous = c;
    }
    const refs = counterWordOf(region, handle, R_REFS);
    demand(
      refs === 1 + children,
      'I7',
      () => `counter ${handle} has ${refs} references, ${children} children`,
    );
  }
  let orphans = 0;
  for (let r = 1; r <= census.countersUsed; r++) {
    if (census.counterUse[r] !== USE_COUNTER) continue;
    const original = counterWordOf(region, r, R_PARENT);
    if (original !== 0 && census.counterUse[original] !== USE_COUNTER) orphans++;
    if (original === 0 && counterWordOf(region, r, R_FAMILY) === r) orphans++;
  }
  demand(orphans === 0, 'I7', () => `${orphans} children have no original`);
}
