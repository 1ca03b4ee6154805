/** `taskperf top`: what a process that runs under taskperf does now, watched from outside. */
import { TaskperfError } from '../core/errors.ts';
import { loadAddon } from '../node/addon.ts';
import { UsageError } from './options.ts';
import { DEFAULT_EVENTS } from './asked-events.ts';
import { TOP_HELP } from './help.ts';
import { widthOf } from './output.ts';
import { runScreen } from './top/app.ts';
import { printable } from './printable.ts';
import { Stacks } from './stacks.ts';
import { parseTop } from './top/arguments.ts';
import type { TopArguments } from './top/arguments.ts';
import { choose, severalError } from './top/choose.ts';
import { Observer } from './top/observer.ts';
import { runPlain } from './top/plain.ts';
import { ofProcess, offered, openTarget } from './top/target.ts';
import type { Target } from './top/target.ts';

const STATUS_FAILED = 1;

/** Returns the exit status. Throws UsageError. */
export async function top(args: readonly string[]): Promise<number> {
  const options = parseTop(args);
  if (options.help) {
    process.stdout.write(TOP_HELP);
    return 0;
  }
  try {
    const target = await targetOf(options);
    if (target !== undefined) return await watch(target, options);
    return options.pid === undefined ? 0 : await attachAndWatch(options.pid, options);
  } catch (error) {
    if (!(error instanceof TaskperfError)) throw error;
    process.stderr.write(`taskperf: ${printable(error.message)}\n`);
    return STATUS_FAILED;
  }
}

/** It does not run under taskperf: it is counted while we watch, and let go afterwards. */
async function attachAndWatch(pid: number, options: TopArguments): Promise<number> {
  // Loaded when it is wanted.
  const { attachOrRefuse, signalled } = await import('./attach/attach-to.ts');
  const { stack, blockedNs } = options;
  const events = DEFAULT_EVENTS.join(',');
  // From now on: who ends us while we attach must not leave it half attached.
  let isStopped = false;
  void signalled().then(() => (isStopped = true));
  const attached = await attachOrRefuse(pid, {
    events,
    blockedMs: Math.round(blockedNs / 1e6),
    hasStacks: stack,
  });
  try {
    if (isStopped) return 0;
    return await watch(ofProcess({ file: attached.region, pid }), options);
  } finally {
    await attached.detach();
    attached.remove();
  }
}

/** Undefined: there is none, or it does not run under taskperf. */
async function targetOf({ pid }: TopArguments): Promise<Target | undefined> {
  if (pid !== undefined) return openTarget(pid, process.env);
  const targets = offered(process.env);
  if (targets.length === 1) return targets[0];
  if (targets.length === 0) {
    throw new UsageError(
      'nothing of yours runs under taskperf; start a program as `taskperf stat -- COMMAND`',
    );
  }
  if (!isInteractive()) throw severalError(targets);
  return await choose(targets);
}

async function watch(target: Target, options: TopArguments): Promise<number> {
  const noColor = process.env['NO_COLOR'] !== undefined && process.env['NO_COLOR'] !== '';
  const { stack, blockedNs } = options;
  const wish = stack ? { stacks: new Stacks(loadAddon()), blockedNs } : undefined;
  const observer = new Observer(target, wish);
  observer.showByProcess(options.byProcess);
  try {
    if (isInteractive()) return await runScreen(observer, { ...options, color: options.color && !noColor });
    const width = widthOf(undefined, process.env['COLUMNS']);
    return await runPlain(observer, options, width, (text) => process.stdout.write(text));
  } finally {
    observer.close();
  }
}

function isInteractive(): boolean {
  return process.stdin.isTTY && process.stdout.isTTY && process.env['TERM'] !== 'dumb';
}
