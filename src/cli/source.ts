/**
 * Where the bytes of a region come from: its file, or memory (fuzzing, tests). Never a mapping: a file that is cut while
 * it is read gives fewer bytes, where a mapping would give SIGBUS.
 *
 * A file is opened without following a link and without waiting (a FIFO would keep us for ever), and what was opened is
 * looked at, not its name: whatever is put in its place later is not what we read.
 */
import fs from 'node:fs';
import { TaskperfError } from '../core/errors.ts';
import { printable } from './printable.ts';

export interface RegionSource {
  size(): number;
  /** Copies up to `bytes` bytes to `target` from `offset` on; fewer than asked for mean the end. */
  read(target: Uint8Array, offset: number, bytes: number, position: number): number;
  close(): void;
}

/** `private`: in our own directory, where only what we made belongs. `named`: the user has named this very file. */
export type Trust = 'private' | 'named';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/**
 * @throws TaskperfError EACCES when it is another user's, or in a private directory open to others or linked from
 * elsewhere; EINVAL when it is no plain file. What the file system says (ENOENT, EACCES) comes as it is.
 */
export function openFile(path: string, trust: Trust, shown: string = path): RegionSource {
  const fd = openNoFollow(path, shown);
  try {
    checkFile(shown, fs.fstatSync(fd), trust);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  return {
    size: () => fs.fstatSync(fd).size,
    read: (target, offset, bytes, position) => fs.readSync(fd, target, offset, bytes, position),
    close: () => fs.closeSync(fd),
  };
}

const LINE_BYTES_MAX = 300;

/** Cut where it is long; a sentence in its place where it cannot be read. */
export function firstLineOf(path: string): string {
  try {
    const source = openFile(path, 'named');
    const bytes = Buffer.alloc(LINE_BYTES_MAX);
    const length = source.read(bytes, 0, LINE_BYTES_MAX, 0);
    source.close();
    return bytes.toString('utf8', 0, length).split('\n', 1)[0]!;
  } catch {
    return 'the reason is gone';
  }
}

/** Bytes in memory; `bytes` may be changed between the reads. */
export function memorySource(bytes: Uint8Array, size: () => number = () => bytes.length): RegionSource {
  return {
    size,
    read: (target, offset, count, position) => {
      const end = Math.min(position + count, size());
      if (end <= position) return 0;
      target.set(bytes.subarray(position, end), offset);
      return end - position;
    },
    close: () => {},
  };
}

function openNoFollow(path: string, shown: string): number {
  try {
    return fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP') throw refuse('EINVAL', shown, 'is a symbolic link; name the file itself');
    // A socket.
    if (code === 'ENXIO') throw refuse('EINVAL', shown, 'is not a plain file');
    throw error;
  }
}

function checkFile(path: string, found: fs.Stats, trust: Trust): void {
  if (!found.isFile()) throw refuse('EINVAL', path, 'is not a plain file');
  const me = process.geteuid?.();
  const isMine = me === undefined || found.uid === me;
  if (trust === 'named') {
    if (isMine || me === 0) return;
    throw refuse('EACCES', path, `belongs to another user (uid ${found.uid}); ask that user, or root`);
  }
  if (!isMine) throw refuse('EACCES', path, `belongs to another user (uid ${found.uid})`);
  if ((found.mode & 0o077) !== 0) throw refuse('EACCES', path, 'is open to other users');
  if (found.nlink > 1) throw refuse('EACCES', path, 'has a second name elsewhere (a hard link)');
}

function refuse(code: 'EINVAL' | 'EACCES', path: string, what: string): TaskperfError {
  return new TaskperfError(code, `${printable(path)} ${what}`, path);
}
