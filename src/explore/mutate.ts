/** A core broken on purpose: a small edit of its compiled source, which must fit exactly one place. */
import type { Sources } from './link.ts';
import { ATTEMPTS } from './scenario.ts';

export interface Edit {
  /** "core/slab.js" */
  readonly module: string;
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  readonly name: string;
  /** What was broken, in a sentence. */
  readonly title: string;
  readonly edits: readonly Edit[];
  /** The scenario that catches it. */
  readonly scenario: string;
}

/**
 * Readers try 100 times to get a set that is not torn. How often does not matter to what may happen, but to how many
 * schedules there are.
 */
const FEWER_ATTEMPTS: Edit = {
  module: 'core/read.js',
  find: 'const MAX_ATTEMPTS = 100;',
  replace: `const MAX_ATTEMPTS = ${ATTEMPTS};`,
};

export function mutate(sources: Sources, mutant: Mutant | undefined): Sources {
  const result = new Map(sources);
  for (const edit of [FEWER_ATTEMPTS, ...(mutant?.edits ?? [])]) {
    const text = result.get(edit.module);
    if (text === undefined) throw new Error(`there is no module ${edit.module} to edit`);
    const places = text.split(edit.find).length - 1;
    if (places !== 1) {
      const whose = mutant === undefined ? 'the explorer' : `mutant ${mutant.name}`;
      throw new Error(`${whose} edits ${edit.module} where ${places} places read: ${edit.find}`);
    }
    result.set(edit.module, text.split(edit.find).join(edit.replace));
  }
  return result;
}
