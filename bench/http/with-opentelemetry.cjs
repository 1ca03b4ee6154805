// Preload: OpenTelemetry's http instrumentation as its documentation sets it up, every request sampled, spans handed in
// batches to an exporter that only counts them (no network, no serialising: less than anyone pays in production).
'use strict';
const { createRequire } = require('node:module');
const { join } = require('node:path');

const peer = createRequire(join(__dirname, '..', '.peers', 'package.json'));
const { NodeTracerProvider, BatchSpanProcessor } = peer('@opentelemetry/sdk-trace-node');
const { registerInstrumentations } = peer('@opentelemetry/instrumentation');
const { HttpInstrumentation } = peer('@opentelemetry/instrumentation-http');

let exported = 0;
const exporter = {
  export(spans, done) {
    exported += spans.length;
    done({ code: 0 });
  },
  shutdown: () => Promise.resolve(),
};
new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] }).register();
registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });
globalThis.benchProof = () => exported;
