/**
 * `taskperf doctor`: what this machine lets us count, what is missing, what that costs, and what would permit it. Exit
 * status 0 when `stat` works exactly with what it counts by default, 1 when it has to estimate.
 */
import { UsageError } from './options.ts';
import type { Check } from './doctor/check.ts';
import { factsOf } from './doctor/facts.ts';
import { kernelChecks } from './doctor/kernel-checks.ts';
import { thisMachine } from './doctor/machine.ts';
import type { Machine } from './doctor/machine.ts';
import { runtimeChecks } from './doctor/runtime-checks.ts';
import { doctorText } from './doctor/text.ts';
import { isExact, tiersOf } from './doctor/tiers.ts';
import type { Tier } from './doctor/tiers.ts';
import { DOCTOR_HELP } from './help.ts';

/** Schema `taskperf.doctor/1`; fields are only ever added. */
export interface Diagnosis {
  readonly schema: 'taskperf.doctor/1';
  readonly exact: boolean;
  readonly node: string;
  readonly checks: readonly Check[];
  readonly events: readonly Tier[];
}

const STATUS_ESTIMATED = 1;

/** Prints to stdout and returns the exit status. Throws UsageError. */
export function doctor(args: readonly string[]): number {
  const unknown = args.find((arg) => !['-h', '--help', '--json'].includes(arg));
  if (unknown !== undefined)
    throw new UsageError(
      `doctor takes --json and nothing else, '${unknown}' was given; run \`taskperf doctor\``,
    );
  if (args.includes('-h') || args.includes('--help')) {
    process.stdout.write(DOCTOR_HELP);
    return 0;
  }
  const diagnosis = diagnose(thisMachine());
  process.stdout.write(
    args.includes('--json') ? `${JSON.stringify(diagnosis, null, 2)}\n` : doctorText(diagnosis),
  );
  return diagnosis.exact ? 0 : STATUS_ESTIMATED;
}

export function diagnose(machine: Machine): Diagnosis {
  const facts = factsOf(machine);
  const events = tiersOf(machine);
  return {
    schema: 'taskperf.doctor/1',
    exact: isExact(events, machine),
    node: machine.node,
    checks: [...runtimeChecks(machine, facts), ...kernelChecks(machine, facts)],
    events,
  };
}
