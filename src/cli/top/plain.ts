/** Where stdout is no terminal: one table per interval, until the process ends or as many as asked have been printed. */
import { once } from 'node:events';
import type { TopArguments } from './arguments.ts';
import { clipped, textOf } from './lines.ts';
import type { Observer } from './observer.ts';
import { pollRings } from './poll.ts';
import { initialState } from './state.ts';
import { tableText } from './table-page.ts';

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

/** Resolves to the exit status. */
export async function runPlain(
  observer: Observer,
  options: TopArguments,
  width: number,
  write: (text: string) => void,
): Promise<number> {
  const state = initialState(options.sort, options.byProcess);
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  let failed: { readonly error: unknown } | undefined;
  const stopPolling = pollRings(observer, (error) => {
    failed = { error };
    abort();
  });
  for (const signal of SIGNALS) process.once(signal, abort);
  // Nobody reads any more: `taskperf top | head`.
  process.stdout.once('error', abort);
  observer.refresh();
  try {
    for (let printed = 0; printed !== options.iterations && !stop.signal.aborted; printed++) {
      await pause(options.delayMs, stop.signal);
      if (stop.signal.aborted) break;
      const view = observer.refresh();
      const lines = tableText(view, state, { width, blockedNs: options.blockedNs });
      write(`${lines.map((line) => textOf(clipped(line, width))).join('\n')}\n\n`);
      if (observer.hasEnded) break;
    }
    if (failed !== undefined) throw failed.error;
    return 0;
  } finally {
    stopPolling();
    for (const signal of SIGNALS) process.removeListener(signal, abort);
    process.stdout.removeListener('error', abort);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const timer = new AbortController();
  const timeout = setTimeout(() => timer.abort(), ms);
  const ended = signal.aborted ? undefined : once(signal, 'abort', { signal: timer.signal });
  await ended?.catch(() => undefined);
  clearTimeout(timeout);
}
