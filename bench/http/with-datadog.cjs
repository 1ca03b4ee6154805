// Preload: dd-trace's continuous profiler alone (its tracer is off), wall and CPU samples and heap samples as by default.
// Profiles go to files; the upload period is longer than a run, so what serialising them costs is NOT in the figures.
'use strict';
const { createRequire } = require('node:module');
const { join } = require('node:path');

const peer = createRequire(join(__dirname, '..', '.peers', 'package.json'));
Object.assign(process.env, {
  DD_PROFILING_ENABLED: 'true',
  DD_PROFILING_EXPORTERS: 'file',
  DD_TRACE_ENABLED: 'false',
  DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
  DD_REMOTE_CONFIGURATION_ENABLED: 'false',
  DD_CRASHTRACKING_ENABLED: 'false',
});
const tracer = peer('dd-trace').init();
globalThis.benchProof = () => (tracer.profilerStarted() ? 1 : 0);
