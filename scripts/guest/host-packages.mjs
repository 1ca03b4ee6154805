// The Debian packages that the host needs for the guest: which are missing, and their installation.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Package → how one sees that it is there: a program in PATH, or a file. */
const NEEDED = {
  'qemu-system-arm': 'qemu-system-aarch64',
  'gcc-aarch64-linux-gnu': 'aarch64-linux-gnu-gcc',
  'libc6-dev-arm64-cross': '/usr/aarch64-linux-gnu/include/stdio.h',
  cpio: 'cpio',
};
/** What fetches and unpacks the guest's own packages (parts.mjs); not installed, a machine without them is no Debian. */
const TOOLS = ['apt-get', 'dpkg-deb'];
const INSTALL_TIMEOUT_MS = 240_000;

/** Names of the packages that are not installed. */
export function missingPackages() {
  return Object.keys(NEEDED).filter((name) => !isThere(NEEDED[name]));
}

/** Installs what is missing; null, or why it could not be done. */
export function installMissing() {
  const absent = TOOLS.filter((name) => !isThere(name));
  if (absent.length > 0) return `the guest is made of Debian packages, and ${absent.join(', ')} is not here`;
  const missing = missingPackages();
  if (missing.length === 0) return null;
  aptGet(['update', '-qq']);
  aptGet(['install', '-y', '-qq', '--no-install-recommends', ...missing]);
  const left = missingPackages();
  return left.length === 0 ? null : `${left.join(', ')} cannot be installed here`;
}

/** Failures show in what is missing afterwards; apt's own words go to stderr. */
function aptGet(args) {
  const command = process.getuid() === 0 ? ['apt-get', ...args] : ['sudo', '-n', 'apt-get', ...args];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync(command[0], command.slice(1), {
    stdio: ['ignore', 'ignore', 'inherit'],
    env,
    timeout: INSTALL_TIMEOUT_MS,
  });
}

function isThere(name) {
  if (name.startsWith('/')) return existsSync(name);
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}
