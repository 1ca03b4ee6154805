/** Who listens on a port of this machine, as /proc tells. */
import fs from 'node:fs';

const LISTENING = '0A';

/** Inodes of the sockets that listen on a port, whatever the address. */
function listeners(port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return ['tcp', 'tcp6'].flatMap((file) => {
    let text = '';
    try {
      text = fs.readFileSync(`/proc/self/net/${file}`, 'utf8');
    } catch {
      // No IPv6 here.
    }
    const rows = text
      .split('\n')
      .slice(1)
      .map((row) => row.trim().split(/\s+/));
    return rows.filter((row) => row[3] === LISTENING && row[1]!.endsWith(wanted)).map((row) => row[9]!);
  });
}

/** 'free', 'its': the process listens there, 'other': somebody else does. */
export function listenerOn(port: number, pid: number): 'free' | 'its' | 'other' {
  const sockets = listeners(port);
  if (sockets.length === 0) return 'free';
  return sockets.some((inode) => hasSocket(pid, inode)) ? 'its' : 'other';
}

function hasSocket(pid: number, inode: string): boolean {
  const wanted = `socket:[${inode}]`;
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === wanted;
      } catch {
        return false; // closed meanwhile
      }
    });
  } catch {
    return false;
  }
}
