// Boots the guest: Linux on an emulated arm64 machine whose PMU (six programmable registers and a cycle counter) counts
// cycles and instructions exactly. One instruction takes one nanosecond of virtual time, so one cycle is one instruction
// and no clock in the guest says anything about speed.
//
// cortex-a72: the emulation of some newer processors counts groups wrongly. sleep=off: time that nobody uses is skipped.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pack, parts, run } from './parts.mjs';

const init = join(dirname(fileURLToPath(import.meta.url)), 'init.sh');
const MEMORY_MIB = 2048;
/** Room for what the guest brings back. */
const DISK_BYTES = 64 * 2 ** 20;

/**
 * Runs `app`/run.sh as root in a fresh guest and puts what it left in /tmp/out into the folder `out`. Symbolic links in
 * `app` become what they point to.
 *
 *   work               keeps what was downloaded; may be shared by boots at the same time
 *   node               major version of the Node in the guest's PATH
 *   pmu                whether the machine has a PMU
 *   kernelArguments    more of them, such as `sysctl.kernel.perf_event_paranoid=2`
 *   limitSeconds       the machine is switched off after that
 *   onOutput           gets what the console shows, as text
 *
 * Returns `{ status, seconds, output }`: run.sh's exit status, null when the guest did not come to its end.
 */
export async function boot({
  work,
  app,
  out,
  node = 24,
  pmu = true,
  kernelArguments = '',
  limitSeconds = 120,
  onOutput,
}) {
  const { kernel, archives } = parts(work, node);
  const scratch = mkdtempSync(join(work, 'boot-'));
  try {
    const disk = join(scratch, 'disk');
    writeFileSync(disk, '');
    truncateSync(disk, DISK_BYTES);
    const initrd = firstFileSystem(scratch, archives, app);
    const args = machineArguments({ kernel, initrd, disk, pmu, kernelArguments });
    const { seconds, output } = await emulate(args, limitSeconds, onOutput);
    return { status: bringBack(disk, out), seconds, output };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The kernel unpacks archives that follow each other one over the other: only app and init are packed for each boot. */
function firstFileSystem(scratch, archives, app) {
  const tree = join(scratch, 'tree');
  mkdirSync(tree);
  symlinkSync(resolve(app), join(tree, 'app'));
  copyFileSync(init, join(tree, 'init'));
  chmodSync(join(tree, 'init'), 0o755);
  const packed = join(scratch, 'app.cpio');
  pack(tree, packed, { follow: true });
  const initrd = join(scratch, 'initrd');
  copyFileSync(archives[0], initrd);
  for (const archive of [...archives.slice(1), packed]) appendFileSync(initrd, readFileSync(archive));
  return initrd;
}

function machineArguments({ kernel, initrd, disk, pmu, kernelArguments }) {
  return [
    ['-machine', 'virt'],
    ['-cpu', `cortex-a72,pmu=${pmu ? 'on' : 'off'}`],
    ['-icount', 'shift=0,sleep=off'],
    ['-smp', '1'],
    ['-m', String(MEMORY_MIB)],
    ['-kernel', kernel],
    ['-initrd', initrd],
    ['-append', `console=ttyAMA0 quiet panic=-1 ${kernelArguments}`],
    ['-drive', `file=${disk},format=raw,if=virtio`],
    ['-nic', 'none'],
    ['-nographic'],
    ['-no-reboot'],
  ].flat();
}

async function emulate(args, limitSeconds, onOutput = () => {}) {
  const started = performance.now();
  const machine = spawn('qemu-system-aarch64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const hear = (text) => {
    output += text;
    onOutput(text);
  };
  machine.stdout.setEncoding('utf8').on('data', hear);
  machine.stderr.setEncoding('utf8').on('data', hear);
  const limit = setTimeout(() => {
    hear(`\nthe guest was switched off after ${limitSeconds} s\n`);
    machine.kill('SIGKILL');
  }, limitSeconds * 1000);
  try {
    await once(machine, 'close');
  } finally {
    clearTimeout(limit);
  }
  return { seconds: (performance.now() - started) / 1000, output };
}

/** The disk is a tar archive once the guest has come to its end, and empty before. */
function bringBack(disk, out) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const written = readFileSync(disk)
    .subarray(0, 512)
    .some((byte) => byte !== 0);
  if (!written) return null;
  run('tar', ['xf', disk, '-C', out]);
  return Number(readFileSync(join(out, 'rc'), 'utf8'));
}
