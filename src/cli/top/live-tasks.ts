/** The live tasks of one name, oldest first, for its details. Looked up only while those are on the screen. */
import { visitLiveTasks } from '../live.ts';
import type { RegionReader } from '../reader.ts';

export interface ListedTask {
  readonly key: string;
  readonly pid: number;
  readonly id: number;
  readonly thread: number;
  readonly ageNs: number;
  /** So far, by event line. */
  readonly values: Float64Array;
}

export interface LiveTasks {
  readonly oldest: readonly ListedTask[];
  readonly count: number;
  /** There are too many live tasks to look at each. */
  readonly isPartial: boolean;
}

export const LISTED_MAX: number = 100;

/** Adds the tasks called `name` to `found`, which stays sorted and short. Returns how many there were. */
export function addLiveTasks(
  reader: RegionReader,
  { pid, name, atNs }: { pid: number; name: string; atNs: number },
  found: ListedTask[],
): number {
  let count = 0;
  visitLiveTasks(reader, atNs, (task) => {
    if (reader.name(task.name) !== name) return;
    count++;
    const { id, thread, startNs } = task;
    const ageNs = Math.max(0, atNs - startNs);
    if (found.length === LISTED_MAX && ageNs <= found.at(-1)!.ageNs) return;
    const at = found.findIndex((other) => other.ageNs < ageNs);
    const listed = { key: `${pid} ${id}`, pid, id, thread, ageNs, values: task.values.slice() };
    found.splice(at === -1 ? found.length : at, 0, listed);
    if (found.length > LISTED_MAX) found.pop();
  });
  return count;
}
