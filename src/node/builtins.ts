/**
 * Node's own HTTP modules, by `require`: an `import` of them evaluates every export, and a getter among those of node:http
 * loads fetch and WebSocket, 20 ms of CPU at the start of each process on Node 24.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const http: typeof import('node:http') = require('node:http') as typeof import('node:http');
export const http2: typeof import('node:http2') = require('node:http2') as typeof import('node:http2');
