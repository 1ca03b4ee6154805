/** What there is to see at one moment: numbers only, to be sorted, filtered and drawn; frozen, it is kept as it is. */
import { WHO_LOOP, WHO_SEVERAL } from '../../core/blockages.ts';
import { EVENT_LINES } from '../../core/layout.ts';
import type { Group, Spread } from '../collector.ts';
import { printable } from '../printable.ts';
import type { Books, Look, NameWindow, ThreadTime } from './books.ts';
import type { Costs } from './cost-buckets.ts';
import type { HolderKind } from './holder.ts';
import type { CountedEvent, NameBooks, ThreadBooks, WaitedBehind } from './snapshot.ts';

export type { CountedEvent } from './snapshot.ts';

export interface ProcessView {
  readonly pid: number;
  readonly command: string;
  readonly node: string;
  readonly hasEnded: boolean;
  /** Why taskperf switched itself off there; empty when it did not. */
  readonly off: string;
}

export interface HolderView {
  readonly kind: HolderKind;
  /** "GET /report #8123"; empty unless a task has the thread, or late work of one. */
  readonly task: string;
  readonly forNs: number;
  /** How long nobody else on the thread has got a turn: longer, when several share one stretch of JavaScript. */
  readonly blockedForNs: number;
  /** false: it has the thread and sleeps. Undefined: not known. */
  readonly isOnCpu: boolean | undefined;
}

export interface ThreadView {
  readonly pid: number;
  readonly name: string;
  /** Shares of the window; undefined before the first has passed. */
  readonly share: ThreadTime | undefined;
  readonly holder: HolderView | undefined;
  /** Its JavaScript stack while it is blocked, where that is asked for. */
  readonly stack: readonly string[];
  /** The longest stretch of JavaScript that ended in the window. */
  readonly blocked: BlockedView | undefined;
}

export interface BlockedView {
  readonly wallNs: number;
  /** Who had the thread for the longest part of it, and how long that was; undefined: many, each for a moment. */
  readonly longest: { readonly by: string; readonly ns: number } | undefined;
}

export interface NameView {
  readonly key: string;
  /** Undefined: of all processes. */
  readonly pid: number | undefined;
  readonly name: string;
  live: number;
  exits: number;
  /** Exited and live, by event line. */
  readonly values: Float64Array;
  /** Of those that exited. */
  readonly exited: Float64Array;
  windowExits: number;
  windowCpuNs: number;
  windowWaitNs: number;
  /** Whom its tasks waited behind in the window, and since the start. */
  windowBehind: WaitedBehind[];
  allBehind: WaitedBehind[];
  windowSpread: (event: number) => Spread | undefined;
  allSpread: (event: number) => Spread | undefined;
}

export interface View {
  readonly title: string;
  readonly atNs: number;
  readonly windowNs: number | undefined;
  readonly byProcess: boolean;
  readonly processes: readonly ProcessView[];
  readonly threads: readonly ThreadView[];
  readonly names: readonly NameView[];
  readonly total: NameView;
  /** Counted in the first process; the others of a session count the same. */
  readonly events: readonly CountedEvent[];
  /** Bits of the events that all processes count. */
  readonly eventBits: number;
  readonly isPartial: boolean;
  readonly lostExits: number;
  readonly costs: Costs;
  /** A sentence each. */
  readonly notes: readonly string[];
}

export interface ViewSources {
  readonly title: string;
  readonly byProcess: boolean;
  readonly windowSpreads: ReadonlyMap<string, Group>;
  readonly allSpreads: ReadonlyMap<string, Group>;
  readonly costs: Costs;
  readonly lostExits: number;
  readonly notes: readonly string[];
}

export const NOBODY_TEXT = 'JavaScript of no task';
export const LOOP_TEXT = 'event loop';

export function viewOf(books: Books, sources: ViewSources): View {
  const looks = [...books.looks];
  const present = presentOf(looks);
  const rows = new Map<string, NameView>();
  const total = emptyRow('', 'total', undefined);
  for (const { pid, snapshot } of looks) {
    for (const [name, of] of snapshot.names) {
      const key = keyOf(pid, name, sources.byProcess);
      let row = rows.get(key);
      if (row === undefined) {
        row = emptyRow(key, printable(name), sources.byProcess ? pid : undefined);
        const [inWindow, inAll] = [sources.windowSpreads.get(key), sources.allSpreads.get(key)];
        row.windowSpread = frozenSpread(inWindow);
        row.allSpread = frozenSpread(inAll);
        rows.set(key, row);
      }
      const window = books.nameWindow(pid, name, of);
      const live = present.some((one) => one.pid === pid) ? Math.max(0, of.starts - of.exits) : 0;
      for (const into of [row, total]) add(into, of, { ...window, live });
      mergeWaits(row.windowBehind, books.waitsInWindow(pid, name));
      mergeWaits(
        row.allBehind,
        [...snapshot.waits.values()].filter(({ waiting }) => waiting === name),
      );
    }
  }
  const isPartial = present.some(({ snapshot }) => snapshot.isPartial);
  if (isPartial) total.windowCpuNs = looks.reduce((sum, { pid }) => sum + books.tasksCpuInWindow(pid), 0);
  return {
    ...sources,
    atNs: books.atNs,
    windowNs: books.windowNs,
    processes: looks.map(processView),
    threads: present.flatMap((look) => threadViews(look, books)),
    names: [...rows.values()],
    total,
    events: looks[0]?.snapshot.events ?? [],
    eventBits: looks.reduce((bits, { snapshot }) => bits & snapshot.eventBits, -1),
    isPartial,
  };
}

/** Those that run, as long as one does; then the last state of all of them. */
function presentOf(looks: readonly Look[]): readonly Look[] {
  const running = looks.filter(({ snapshot }) => !snapshot.hasEnded);
  return running.length > 0 ? running : looks;
}

/** What rows and histograms are sorted under. */
export function keyOf(pid: number, name: string, byProcess: boolean): string {
  return byProcess ? `${pid} ${name}` : name;
}

/** Groups grow on; what is shown must not. */
function frozenSpread(group: Group | undefined): (event: number) => Spread | undefined {
  const known = new Map(group?.events.map((event) => [event, group.spread(event)]));
  return (event) => known.get(event);
}

/** A name of which nothing is known yet. */
export function emptyRow(key: string, name: string, pid: number | undefined): NameView {
  return {
    key,
    pid,
    name,
    live: 0,
    exits: 0,
    values: new Float64Array(EVENT_LINES),
    exited: new Float64Array(EVENT_LINES),
    windowExits: 0,
    windowCpuNs: 0,
    windowWaitNs: 0,
    windowBehind: [],
    allBehind: [],
    windowSpread: () => undefined,
    allSpread: () => undefined,
  };
}

function add(row: NameView, books: NameBooks, window: NameWindow & { readonly live: number }): void {
  row.live += window.live;
  row.exits += books.exits;
  row.windowExits += window.exits;
  row.windowCpuNs += window.cpuNs;
  row.windowWaitNs += window.waitNs;
  for (let event = 0; event < EVENT_LINES; event++) {
    row.values[event]! += books.values[event]!;
    row.exited[event]! += books.exited[event]!;
  }
}

/** Adds what another process says; the longest stays first. */
function mergeWaits(into: WaitedBehind[], more: readonly WaitedBehind[]): void {
  for (const wait of more) {
    const behind = printable(wait.behind);
    const known = into.find((one) => one.behind === behind);
    if (known === undefined) into.push({ ...wait, behind });
    else {
      known.count += wait.count;
      known.ns += wait.ns;
    }
  }
  into.sort((a, b) => b.ns - a.ns);
}

function processView({ pid, command, snapshot }: Look): ProcessView {
  return {
    pid,
    command,
    node: printable(snapshot.node),
    hasEnded: snapshot.hasEnded,
    off: printable(snapshot.off),
  };
}

function threadViews({ pid, snapshot, stackOf }: Look, books: Books): ThreadView[] {
  const windowNs = books.windowNs ?? 0;
  const live = snapshot.threads.filter((thread) => thread.isLive);
  return live.map((thread) => {
    const time = books.threadWindow(pid, thread);
    const { holder } = thread;
    return {
      pid,
      name: printable(thread.name),
      share: time === undefined ? undefined : shareOf(time, windowNs),
      holder: holder && {
        kind: holder.kind,
        task: holder.name === '' ? '' : taskText(holder.name, holder.id),
        forNs: Math.max(0, snapshot.atNs - holder.sinceNs),
        blockedForNs: Math.max(0, snapshot.atNs - holder.beginNs),
        isOnCpu: holder.isOnCpu,
      },
      stack: stackOf(thread.index),
      blocked: blockedIn(thread, snapshot.atNs - windowNs),
    };
  });
}

function taskText(name: string, id: number | undefined): string {
  return id === undefined ? `late work of ${printable(name)}` : `${printable(name)} #${id}`;
}

function blockedIn({ blockages }: ThreadBooks, fromNs: number): BlockedView | undefined {
  const recent = blockages.find(({ beginNs, wallNs }) => beginNs + wallNs > fromNs);
  if (recent === undefined) return undefined;
  const { kind, culprit, wallNs, sliceNs } = recent;
  if (kind === WHO_SEVERAL) return { wallNs, longest: undefined };
  const isTask = culprit.id !== undefined || culprit.isLate;
  const by = isTask ? taskText(culprit.name, culprit.id) : kind === WHO_LOOP ? LOOP_TEXT : NOBODY_TEXT;
  return { wallNs, longest: { by, ns: Math.min(sliceNs, wallNs) } };
}

/** Readings are taken at slightly different moments: the parts are shares of what they sum to, or of the window. */
function shareOf(time: ThreadTime, windowNs: number): ThreadTime {
  const whole = Math.max(windowNs, time.tasks + time.other + time.loop + time.gc + time.idle, 1);
  return {
    tasks: time.tasks / whole,
    other: time.other / whole,
    loop: time.loop / whole,
    gc: time.gc / whole,
    idle: time.idle / whole,
  };
}
