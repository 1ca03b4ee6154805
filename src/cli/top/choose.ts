/** Which of the user's processes to watch, asked on the terminal when there are several. */
import { createInterface } from 'node:readline/promises';
import { UsageError } from '../options.ts';
import type { Target } from './target.ts';

/** Undefined: the user chose none. */
export async function choose(targets: readonly Target[]): Promise<Target | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  // Ctrl-C and the end of input choose nothing.
  const closed = new Promise<string>((resolve) => terminal.once('close', () => resolve('q')));
  try {
    process.stdout.write(`${listText(targets)}\n`);
    for (;;) {
      const answer = (
        await Promise.race([terminal.question(`watch which (1 to ${targets.length}, q)? `), closed])
      )
        .trim()
        .toLowerCase();
      if (answer === 'q') return undefined;
      const chosen = targets[Number(answer === '' ? 1 : answer) - 1] ?? withPid(targets, Number(answer));
      if (chosen !== undefined) return chosen;
    }
  } finally {
    terminal.close();
  }
}

/** Where nobody can be asked. */
export function severalError(targets: readonly Target[]): UsageError {
  const list = targets.map(({ title, pids }) => `${pids[0]} (${title})`).join(', ');
  return new UsageError(`several processes run under taskperf; choose one with -p: ${list}`);
}

function listText(targets: readonly Target[]): string {
  const lines = targets.map(({ title, pids }, i) => {
    const more = pids.length === 1 ? '' : ` and ${pids.length - 1} more processes`;
    return ` ${String(i + 1).padStart(2)}  ${String(pids[0]).padStart(8)}  ${title}${more}`;
  });
  return ['Running under taskperf:', ...lines].join('\n');
}

function withPid(targets: readonly Target[], pid: number): Target | undefined {
  return targets.find(({ pids }) => pids.includes(pid));
}
