/** The end of a session: what its processes have left beside their regions. */
import { isAlive, isRegionFile, pidOfFile, removeFile, sessionOfError } from './directory.ts';
import type { PrivateDirectory } from './directory.ts';
import { firstLineOf } from './source.ts';

/** Says why processes could not make their regions, and removes what they left half made. */
export function sweep(directory: PrivateDirectory, session: number): string[] {
  return directory.names().flatMap((name) => {
    const pid = pidOfFile(name);
    if (pid === undefined || isRegionFile(name)) return [];
    const file = directory.at(name);
    if (!name.endsWith('.error')) {
      if (!isAlive(pid)) removeFile(file);
      return [];
    }
    const saidTo = sessionOfError(name);
    if (saidTo === 0 ? isAlive(pid) : saidTo !== session) return [];
    const note = `taskperf could not start in process ${pid}: ${firstLineOf(file)}`;
    removeFile(file);
    return [note];
  });
}
