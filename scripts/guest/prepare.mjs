// Makes a guest possible: `node scripts/guest/prepare.mjs WORK [MAJOR…]` installs the Debian packages that the host lacks
// and fetches what the guest is made of, for the named Node versions (24), into WORK. Where that cannot be done its last
// line is `skipped: <reason>` and its exit status 3: a fact of the machine, no failure of ours.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installMissing } from './host-packages.mjs';
import { parts } from './parts.mjs';

export const SKIPPED_STATUS = 3;
const USAGE_STATUS = 129;

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  process.exitCode = main(process.argv.slice(2));

function main([work, ...majors]) {
  if (work === undefined) {
    console.error('usage: node scripts/guest/prepare.mjs WORK [MAJOR…]');
    return USAGE_STATUS;
  }
  const obstacle = prepare(work, majors.length === 0 ? ['24'] : majors);
  if (obstacle === null) return 0;
  console.log(`skipped: ${obstacle}`);
  return SKIPPED_STATUS;
}

/** null, or why there can be no guest. */
export function prepare(work, majors) {
  const obstacle = installMissing();
  if (obstacle !== null) return obstacle;
  try {
    for (const major of majors) parts(resolve(work), major);
    return null;
  } catch (error) {
    return error.message.split('\n')[0];
  }
}
