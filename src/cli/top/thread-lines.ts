/** The upper part of the screen: a line per thread, its bar, and who has it now. */
import { cellsIn } from '../cells.ts';
import { shorten, time } from '../units.ts';
import { PARTS, cellsOf } from './bar.ts';
import { line } from './lines.ts';
import type { Line, Span, Tone } from './lines.ts';
import { LOOP_TEXT, NOBODY_TEXT } from './view.ts';
import type { BlockedView, HolderView, ThreadView, View } from './view.ts';

export interface ThreadLayout {
  readonly width: number;
  /** From how long on a thread counts as blocked. */
  readonly blockedNs: number;
  /** Of threads and frames together. Threads that find no room are counted in a last line. */
  readonly rowsMax: number;
}

const NAME_WIDTH_MAX = 24;
/** Of "tasks other loop gc idle", shown where there is room. */
const PERCENT_WIDTH = 6;
const PERCENT_HEADING = ['tasks', 'other', 'loop', 'GC', 'idle%']
  .map((one) => one.padStart(PERCENT_WIDTH))
  .join('');
const WIDE = 110;

export function threadLines(view: View, layout: ThreadLayout): Line[] {
  const several = new Set(view.threads.map(({ pid }) => pid)).size > 1;
  const labels = view.threads.map(({ name, pid }) => (several ? `${pid} ${name}` : name));
  const nameWidth = Math.min(NAME_WIDTH_MAX, Math.max(6, ...labels.map(cellsIn)));
  const isWide = layout.width >= WIDE;
  const barWidth = isWide ? 30 : 20;
  const barAt = 1 + nameWidth + 1;
  const holderAt = barAt + barWidth + 3 + (isWide ? PARTS.length * PERCENT_WIDTH + 1 : 0);
  const shown = foremost(view.threads, layout);
  const percentAt = barAt + barWidth + 2;
  const heading: Span[] = [
    { at: 1, text: 'thread', tone: 'heading' },
    { at: barAt, text: windowText(view), tone: 'heading' },
    ...(isWide ? [{ at: percentAt, text: PERCENT_HEADING, tone: 'heading' as const }] : []),
    { at: holderAt, text: 'has the thread', tone: 'heading' },
  ];
  const frames = framesFor(shown, layout);
  const rows = shown.flatMap((thread): Line[] => {
    const name = shorten(labels[view.threads.indexOf(thread)]!, nameWidth);
    const row: Line = {
      isSelected: false,
      spans: [
        { at: 1, text: name, tone: 'plain' },
        ...barSpans(thread, barAt, barWidth),
        ...(isWide ? percentSpans(thread, percentAt) : []),
        holderSpan(thread, { at: holderAt, width: layout.width, blockedNs: layout.blockedNs }),
      ],
    };
    return [row, ...stackLines(thread).slice(0, frames.get(thread))];
  });
  const hidden = view.threads.length - shown.length;
  if (hidden > 0) rows.push(line([` … ${hidden} more threads`, 'dim']));
  return [{ spans: heading, isSelected: false }, ...rows];
}

/** What each mark of the bars means. */
export function legend(): Line {
  const parts = PARTS.flatMap(({ mark, tone, meaning }): [string, Tone][] => [
    [`${mark} `, tone],
    [`${meaning}   `, 'dim'],
  ]);
  return line(' ', ...parts);
}

export function windowText({ windowNs }: View): string {
  return windowNs === undefined ? 'first look' : `last ${(windowNs / 1e9).toFixed(1)} s`;
}

/** Where there is no room for all: those that are blocked, then the busiest. */
function foremost(
  threads: readonly ThreadView[],
  { rowsMax, blockedNs }: ThreadLayout,
): readonly ThreadView[] {
  const hasStacks = threads.some(({ stack, holder }) => stack.length > 0 && isBlocked(holder, blockedNs));
  const room = hasStacks ? Math.ceil(rowsMax / 2) : rowsMax;
  if (threads.length <= room) return threads;
  const rank = (thread: ThreadView): number =>
    isBlocked(thread.holder, blockedNs) ? 2 : 1 - (thread.share?.idle ?? 1);
  return [...threads].sort((a, b) => rank(b) - rank(a)).slice(0, Math.max(1, room - 1));
}

/** How many frames of each find room below the threads that are shown; the first get one more where it is not even. */
function framesFor(
  shown: readonly ThreadView[],
  { rowsMax, blockedNs }: ThreadLayout,
): ReadonlyMap<ThreadView, number> {
  const blocked = shown.filter(({ holder, stack }) => stack.length > 0 && isBlocked(holder, blockedNs));
  const room = Math.max(0, rowsMax - shown.length);
  const frames = new Map(shown.map((thread) => [thread, 0]));
  for (const [i, thread] of blocked.entries())
    frames.set(thread, Math.floor(room / blocked.length) + (i < room % blocked.length ? 1 : 0));
  return frames;
}

/** Innermost first. */
function stackLines({ stack }: ThreadView): Line[] {
  return stack.map((frame) => line([`     ${frame}`, 'dim']));
}

function barSpans({ share }: ThreadView, at: number, width: number): Span[] {
  const spans: Span[] = [{ at, text: '[', tone: 'dim' }];
  let column = at + 1;
  if (share === undefined) spans.push({ at: column, text: ' '.repeat(width), tone: 'dim' });
  else {
    for (const [i, cells] of cellsOf(share, width).entries()) {
      const { mark, tone } = PARTS[i]!;
      if (cells > 0) spans.push({ at: column, text: mark.repeat(cells), tone });
      column += cells;
    }
  }
  return [...spans, { at: at + width + 1, text: ']', tone: 'dim' }];
}

function percentSpans({ share }: ThreadView, at: number): Span[] {
  return PARTS.map(({ kind }, i) => {
    const text = share === undefined ? '-' : (share[kind] * 100).toFixed(1);
    return { at: at + i * PERCENT_WIDTH, text: text.padStart(PERCENT_WIDTH), tone: 'plain' };
  });
}

/** Without the addon the program writes every 100 ms. */
const UNSEEN_NS = 5e8;

/** Has nobody else on the thread had a turn for so long? */
export function isBlocked(holder: HolderView | undefined, blockedNs: number): boolean {
  if (holder === undefined || holder.kind === 'idle') return false;
  return holder.blockedForNs >= (holder.kind === 'unseen' ? Math.max(blockedNs, UNSEEN_NS) : blockedNs);
}

/** "GET /report #8123 for 2.30 s". */
function holderWords({ kind, task, forNs, isOnCpu }: HolderView): Words {
  if (kind === 'idle') return ['', 'idle', ''];
  if (kind === 'unseen') return ['', forNs >= UNSEEN_NS ? `no answer for ${time(forNs)}` : 'answers', ''];
  return ['', whoText(kind, task), ` for ${time(forNs)}${isOnCpu === false ? ', asleep' : ''}`];
}

/** Then who it was says it all; else how long all of them together took is worth more. */
function isMost(ns: number, wholeNs: number, blockedNs: number): boolean {
  return ns >= blockedNs && 2 * ns >= wholeNs;
}

function whoText(kind: HolderView['kind'], task: string): string {
  return kind === 'loop' ? LOOP_TEXT : kind === 'nobody' ? NOBODY_TEXT : task;
}

/** The same, or "loop blocked 3.50 s, now pong #44" when several in turn keep the others from it. */
function blockingWords(holder: HolderView, blockedNs: number): Words {
  const { kind, task, forNs, blockedForNs, isOnCpu } = holder;
  if (kind === 'unseen' || isMost(forNs, blockedForNs, blockedNs)) return holderWords(holder);
  const asleep = isOnCpu === false ? ', asleep' : '';
  return [`loop blocked ${time(blockedForNs)}, now `, whoText(kind, task), asleep];
}

/** Of one that is over. Nobody is named for longer than the thread was theirs. */
function blockedWords({ wallNs, longest }: BlockedView, blockedNs: number): Words {
  if (longest === undefined) return [`was blocked ${time(wallNs)} by many short ones`, '', ''];
  const { by, ns } = longest;
  if (isMost(ns, wallNs, blockedNs)) return ['was ', by, ` for ${time(ns)}`];
  return [`was blocked ${time(wallNs)}, longest `, by, ` ${time(ns)}`];
}

/** What stands before a name, the name, and what after it: only the name is shortened. */
type Words = readonly [before: string, name: string, after: string];

function fitted([before, name, after]: Words, width: number): string {
  return before + shorten(name, Math.max(1, width - before.length - after.length)) + after;
}

function holderSpan({ holder, blocked }: ThreadView, { at, width, blockedNs }: HolderPlace): Span {
  if (holder === undefined) return { at, text: 'ended', tone: 'dim' };
  const room = width - at;
  const alarm = (words: Words): Span => ({ at, text: `! ${fitted(words, room - 2)}`, tone: 'alarm' });
  if (isBlocked(holder, blockedNs)) return alarm(blockingWords(holder, blockedNs));
  if (blocked !== undefined && blocked.wallNs >= blockedNs) return alarm(blockedWords(blocked, blockedNs));
  return { at, text: fitted(holderWords(holder), room), tone: holder.kind === 'task' ? 'plain' : 'dim' };
}

interface HolderPlace {
  readonly at: number;
  readonly width: number;
  readonly blockedNs: number;
}
