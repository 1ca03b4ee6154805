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
      require('node:fs').writeFileSync(
        `${process.env.TASKPERF_DIR}/${process.pid}.error`,
        String(error && error.message),
        { mode: 0o600 },
      );
    } catch {
      // Nowhere to say it: the tool reports that no region appeared.
    }
  }
}
