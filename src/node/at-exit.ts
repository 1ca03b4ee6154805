/**
 * What is called at the end of this thread. One listener for all of it, which takes no place from the program: Node warns
 * on its stderr of more listeners than `process.getMaxListeners()`.
 */

interface WithLimit {
  _maxListeners?: number | undefined;
}

const calls = new Set<() => void>();
/** What the program had set; undefined: nothing. */
let limit: number | undefined;
let raised: number | undefined;

export function atExit(call: () => void): void {
  if (calls.size === 0) install();
  calls.add(call);
}

export function notAtExit(call: () => void): void {
  if (calls.delete(call) && calls.size === 0) uninstall();
}

function install(): void {
  limit = (process as WithLimit)._maxListeners;
  const allowed = process.getMaxListeners();
  raised = allowed === 0 ? undefined : allowed + 1;
  if (raised !== undefined) process.setMaxListeners(raised);
  process.once('exit', run);
}

function uninstall(): void {
  process.off('exit', run);
  // Unless the program has set its own meanwhile.
  if (raised !== undefined && process.getMaxListeners() === raised)
    (process as WithLimit)._maxListeners = limit;
}

function run(): void {
  for (const call of calls) call();
}
