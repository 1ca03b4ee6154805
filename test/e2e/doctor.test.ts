/** `taskperf doctor` on this machine: as we are, as nobody, without this and that, and behind a seccomp filter. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { Diagnosis } from '#cli/doctor.js';
import { root } from './run-stat.js';

const main = path.join(root, 'dist', 'cli', 'main.js');
const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-doctor-'));
fs.chmodSync(directory, 0o755); // nobody must get in
after(() => fs.rmSync(directory, { recursive: true }));

const noAddon = process.env['TASKPERF_NO_ADDON'] === '1' ? 'there is no addon' : false;
const noFilter = noAddon !== false ? noAddon : compiler === undefined ? 'no C compiler' : false;
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
const noNobody =
  process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0
    ? noAddon
    : 'needs root and setpriv';

let runs = 0;
function doctor(
  env: Record<string, string>,
  before: readonly string[] = [],
): { document: Diagnosis; status: number | null } {
  const [command, ...args] = [...before, process.execPath, main, 'doctor', '--json'];
  const own = path.join(directory, String(runs++), 'counts');
  fs.mkdirSync(path.dirname(own));
  fs.chmodSync(path.dirname(own), 0o777);
  const { stdout, stderr, status } = spawnSync(command!, args, {
    encoding: 'utf8',
    env: { ...process.env, TASKPERF_DIR: own, ...env },
  });
  assert.equal(stderr, '');
  return { document: JSON.parse(stdout) as Diagnosis, status };
}

const found = ({ checks }: Diagnosis, name: string): string =>
  checks.find((one) => one.name === name)?.found ?? '';
const kind = ({ events }: Diagnosis, event: string): string =>
  events.find((one) => one.events.split(', ').includes(event))!.kind;

function refuser(): string {
  const binary = path.join(directory, 'refuse-perf');
  if (!fs.existsSync(binary)) {
    const source = path.join(root, 'test', 'fixtures', 'native', 'refuse-perf.c');
    const { status, stderr } = spawnSync(compiler!, [source, '-o', binary], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  }
  return binary;
}

test('the document has its schema first, and the status follows from it', () => {
  const { document, status } = doctor({});
  assert.equal(Object.keys(document)[0], 'schema');
  assert.equal(document.schema, 'taskperf.doctor/1');
  assert.equal(status, document.exact ? 0 : 1);
  assert.equal(document.node, process.version);
  assert.equal(kind(document, 'task-clock') === 'exact', document.exact);
});

test('without the addon stat has to estimate', () => {
  const { document, status } = doctor({ TASKPERF_NO_ADDON: '1' });
  assert.equal(status, 1);
  assert.equal(kind(document, 'task-clock'), 'estimated');
  assert.match(found(document, 'native addon'), /TASKPERF_NO_ADDON=1/);
});

test('with perf events turned off rseq keeps times exact; without rseq, too, they are estimated', {
  skip: noAddon,
}, () => {
  const off = doctor({ TASKPERF_NO_PERF: '1' });
  assert.match(found(off.document, 'perf_event_open'), /EACCES, as TASKPERF_NO_PERF=1 asks for/);
  const neither = doctor({ TASKPERF_NO_PERF: '1', TASKPERF_NO_RSEQ: '1' });
  assert.equal(neither.status, 1);
  assert.equal(kind(neither.document, 'task-clock'), 'estimated');
});

test('a filter that answers EPERM is told from a kernel that refuses', { skip: noFilter }, () => {
  const { document } = doctor({}, [refuser(), '1']);
  assert.match(found(document, 'perf_event_open'), /^refused: EPERM, by a seccomp filter$/);
  assert.match(found(document, 'seccomp'), /^a filter/);
  assert.equal(kind(document, 'page-faults'), 'exact');
});

test('a filter that kills is survived and said; the rest is still found', { skip: noFilter }, () => {
  const { document, status } = doctor({}, [refuser(), 'kill']);
  assert.equal(status, 1);
  assert.match(found(document, 'perf_event_open'), /kills who calls it/);
  assert.equal(found(document, 'native addon'), 'loaded');
});

test('as nobody: no capability, and what the paranoid level leaves', { skip: noNobody }, () => {
  const { document } = doctor({}, NOBODY);
  assert.match(found(document, 'capabilities'), /^neither/);
  const paranoid = Number(fs.readFileSync('/proc/sys/kernel/perf_event_paranoid', 'utf8'));
  const answer = found(document, 'perf_event_open');
  if (paranoid >= 2) assert.match(answer, /user space only|refused/);
  else assert.match(answer, /kernel and user space|refused/);
});

test('a mistake in the command line is one sentence and 129', () => {
  const { status, stderr } = spawnSync(process.execPath, [main, 'doctor', '--jsn'], { encoding: 'utf8' });
  assert.equal(status, 129);
  assert.match(stderr, /^taskperf: doctor takes --json and nothing else, '--jsn' was given; .*\n$/);
});
