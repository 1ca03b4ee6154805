// Preload: what one writes by hand with Node's own means: async_hooks with the CPU time read at every boundary. In its
// cheapest form: it does not even find out which request the time belongs to.
'use strict';
const { createHook } = require('node:async_hooks');

/** The thread's where Node has it (≥ 22.19), else the process's. */
const readCpu = (process.threadCpuUsage ?? process.cpuUsage).bind(process);
let inside = 0;
let outside = 0;
let last = 0;
let boundaries = 0;

function elapsed() {
  const { user, system } = readCpu();
  const since = user + system - last;
  last += since;
  boundaries++;
  return since;
}

createHook({
  before() {
    outside += elapsed();
  },
  after() {
    inside += elapsed();
  },
}).enable();
globalThis.benchProof = () => (inside + outside > 0 ? boundaries : 0);
