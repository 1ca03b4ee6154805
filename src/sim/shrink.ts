/** The shortest beginning of a failing run that still fails, found by bisection: what is left to read is short. */
import { type Report, type RunSettings, run } from './run.ts';

/** A report of the shortest failing run found; of the run itself when no shorter one fails. */
export function shrink(settings: RunSettings, failed: Report): Report {
  let shortest = failed;
  let passing = 0;
  let failing = failed.steps;
  while (failing - passing > 1) {
    const steps = passing + ((failing - passing) >> 1);
    const report = run({ ...settings, steps });
    if (report.failure === undefined) {
      passing = steps;
    } else {
      failing = Math.min(steps, report.steps);
      shortest = report;
    }
  }
  return shortest;
}
