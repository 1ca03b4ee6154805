/**
 * A failing schedule as a table: one line per access to a word that two threads use, a column per thread.
 *
 *     step  thread 0                                    thread 1
 *       14  compareExchange task 2 context 0 → 3 = 0
 *           task.ts:120 entombTask
 */
import type { Layout } from '../core/layout.ts';
import type { Access } from './memory.ts';
import type { Run, Step } from './run.ts';
import type { Site } from './transform.ts';
import { nameOfPlace } from './words.ts';

export interface TableContext {
  readonly layout: Layout;
  readonly sites: readonly Site[];
  /** Where the access is in the TypeScript source: "slab.ts:63". */
  readonly locate: (site: Site) => string;
}

const COLUMN = 52;

export function tableOf(run: Run, context: TableContext): string {
  const shared = sharedWords(run.steps);
  const threads = run.results.length;
  const header = Array.from({ length: threads }, (_, t) => `thread ${t}`.padEnd(COLUMN)).join('  ');
  const lines = [`step  ${header.trimEnd()}`];
  let hidden = 0;
  for (const [i, step] of run.steps.entries()) {
    const { access } = step;
    if (!shared.has(access.first) && !shared.has(access.last)) {
      hidden++;
      continue;
    }
    const indent = ' '.repeat((COLUMN + 2) * access.thread);
    const site = context.sites[access.site]!;
    lines.push(`${String(i + 1).padStart(4)}  ${indent}${operationText(step, context.layout)}`);
    lines.push(`      ${indent}  ${context.locate(site)} ${site.function}`);
  }
  lines.push(`(${hidden} accesses to words that only one thread uses, or nobody writes, are left out)`);
  return lines.join('\n');
}

function operationText({ access, result }: Step, layout: Layout): string {
  const { operation, view, index, value, replacement } = access;
  const place = nameOfPlace(layout, view, index);
  switch (operation) {
    case 'load':
      return `reads ${place} = ${result}`;
    case 'store':
      return `writes ${place} ← ${value}`;
    case 'compareExchange': {
      const hasWorked = result === value;
      return `${place}: ${value} → ${replacement} ${hasWorked ? 'done' : `refused, it is ${result}`}`;
    }
    case 'exchange':
      return `exchanges ${place}: ${result} → ${value}`;
    case 'add':
      return `adds ${value} to ${place}: was ${result}`;
    case 'sub':
      return `takes ${value} from ${place}: was ${result}`;
    default:
      return `${operation} ${value} ${place}: was ${result}`;
  }
}

function sharedWords(steps: readonly Step[]): Set<number> {
  const users = new Map<number, { threads: Set<number>; written: boolean }>();
  const note = (word: number, access: Access): void => {
    const user = users.get(word) ?? { threads: new Set(), written: false };
    user.threads.add(access.thread);
    user.written ||= access.writes;
    users.set(word, user);
  };
  for (const { access } of steps) {
    note(access.first, access);
    if (access.last !== access.first) note(access.last, access);
  }
  return new Set(
    [...users].filter(([, user]) => user.threads.size > 1 && user.written).map(([word]) => word),
  );
}
