/** Who listens where on this machine, as /proc tells. */
import fs from 'node:fs';

const ESTABLISHED = '01';
const LISTENING = '0A';

/** A socket of a process that listens. */
export interface Listener {
  readonly inode: string;
  /** By which it is reached from here. */
  readonly host: string;
  readonly port: number;
}

interface Row {
  readonly address: string;
  readonly port: number;
  readonly state: string;
  readonly inode: string;
}

/** Undefined: its descriptors are hidden from us, or it is gone. */
export function listenersOf(pid: number): Listener[] | undefined {
  const held = socketsOf(pid);
  return (
    held &&
    rows().flatMap(({ address, port, state, inode }) =>
      state === LISTENING && held.has(inode) ? [{ inode, host: hostOf(address), port }] : [],
    )
  );
}

/** Does anybody listen on the port, whatever the address? */
export function isTaken(port: number): boolean {
  return rows().some((row) => row.state === LISTENING && row.port === port);
}

/** Is anybody connected to who listens there? */
export function hasClient(port: number): boolean {
  return rows().some((row) => row.state === ESTABLISHED && row.port === port);
}

function rows(): Row[] {
  return ['tcp', 'tcp6'].flatMap((file) => {
    const lines = textOf(`/proc/self/net/${file}`).split('\n').slice(1, -1);
    return lines.map((line) => {
      const fields = line.trim().split(/\s+/);
      const [address, port] = fields[1]!.split(':');
      return { address: address!, port: Number.parseInt(port!, 16), state: fields[3]!, inode: fields[9]! };
    });
  });
}

/** Inodes. */
function socketsOf(pid: number): Set<string> | undefined {
  const found = new Set<string>();
  try {
    for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) found.add(inode);
    }
  } catch {
    return undefined;
  }
  return found;
}

/** "0100007F" is 127.0.0.1: words of four bytes, as the machine has them. Of "any address" the loopback is meant. */
function hostOf(hex: string): string {
  const bytes = hex.match(/.{8}/g)!.flatMap((word) => {
    const inMemory = Buffer.from(Uint32Array.of(Number.parseInt(word, 16)).buffer);
    return [...inMemory];
  });
  if (bytes.length === 4) return hex === '00000000' ? '127.0.0.1' : bytes.join('.');
  if (bytes.every((byte) => byte === 0)) return '::1';
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2]! << 8) | bytes[i * 2 + 1]!).toString(16));
  return groups.join(':');
}

function linkOf(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return ''; // closed meanwhile
  }
}

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // No IPv6 here.
  }
}
