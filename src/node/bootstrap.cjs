'use strict';
// Preloaded by `taskperf stat` with --require (which, unlike --import, also reaches `eval` workers). Must never harm the
// program: any failure of ours switches taskperf off and says so where the tool can read it.
const { isMainThread, resourceLimits } = require('node:worker_threads');
// A worker held to a few megabytes has no room for us; the tool sees that it was not counted.
const hasRoom = isMainThread || !(resourceLimits.maxOldGenerationSizeMb < 64);
if (process.env.TASKPERF_EVENTS && hasRoom) {
  try {
    require('./preload.js').start();
  } catch (error) {
    try {
      const fs = require('node:fs');
      const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY } = fs.constants;
      fs.writeFileSync(
        `${process.env.TASKPERF_DIR}/${process.pid}.${Number(process.env.TASKPERF_SESSION)}.error`,
        String(error && error.message),
        // Neither through a link nor into a pipe that nobody reads.
        { mode: 0o600, flag: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK },
      );
    } catch {
      // Nowhere to say it: the tool reports that no region appeared.
    }
  }
}
