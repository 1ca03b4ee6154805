/** The upper part of the screen: a line per thread, its bar, and who has it now. */
import { shorten, time } from '../units.ts';
import { PARTS, cellsOf } from './bar.ts';
import { line } from './lines.ts';
import type { Line, Span, Tone } from './lines.ts';
import type { HolderView, ThreadView, View } from './view.ts';

export interface ThreadLayout {
  readonly width: number;
  /** From how long on a thread counts as blocked. */
  readonly blockedNs: number;
  /** Threads that find no room are counted in a last line. */
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
  const several = view.processes.length > 1;
  const labels = view.threads.map(({ name, pid }) => (several ? `${pid} ${name}` : name));
  const nameWidth = Math.min(NAME_WIDTH_MAX, Math.max(6, ...labels.map((label) => [...label].length)));
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
    return [row, ...stackLines(thread, layout)];
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
  if (threads.length <= rowsMax) return threads;
  const rank = (thread: ThreadView): number =>
    isBlocked(thread.holder, blockedNs) ? 2 : 1 - (thread.share?.idle ?? 1);
  return [...threads].sort((a, b) => rank(b) - rank(a)).slice(0, rowsMax - 1);
}

/** The innermost frames; not of a thread that has gone on meanwhile. */
function stackLines({ stack, holder }: ThreadView, { rowsMax, blockedNs }: ThreadLayout): Line[] {
  if (!isBlocked(holder, blockedNs)) return [];
  return stack.slice(0, Math.max(2, rowsMax)).map((frame) => line([`     ${frame}`, 'dim']));
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

/** Has it had the thread for so long that nothing else gets its turn? */
export function isBlocked(holder: HolderView | undefined, blockedNs: number): boolean {
  if (holder === undefined || holder.kind === 'idle') return false;
  return holder.forNs >= (holder.kind === 'unseen' ? Math.max(blockedNs, UNSEEN_NS) : blockedNs);
}

/** "GET /report #8123 for 2.30 s". */
export function holderText({ kind, task, forNs, isOnCpu }: HolderView): string {
  if (kind === 'idle') return 'idle';
  if (kind === 'unseen') return forNs >= UNSEEN_NS ? `no answer for ${time(forNs)}` : 'answers';
  const who = kind === 'loop' ? 'event loop' : kind === 'nobody' ? 'JavaScript of no task' : task;
  return `${who} for ${time(forNs)}${isOnCpu === false ? ', asleep' : ''}`;
}

function holderSpan({ holder, blocked }: ThreadView, { at, width, blockedNs }: HolderPlace): Span {
  if (holder === undefined) return { at, text: 'ended', tone: 'dim' };
  const room = width - at;
  // A name may be long: how long it has been is at the end, and shorten() keeps both ends.
  if (isBlocked(holder, blockedNs))
    return { at, text: `! ${shorten(holderText(holder), room - 2)}`, tone: 'alarm' };
  if (blocked !== undefined && blocked.wallNs >= blockedNs)
    return {
      at,
      text: `! ${shorten(`was ${blocked.by} for ${time(blocked.wallNs)}`, room - 2)}`,
      tone: 'alarm',
    };
  return { at, text: shorten(holderText(holder), room), tone: holder.kind === 'task' ? 'plain' : 'dim' };
}

interface HolderPlace {
  readonly at: number;
  readonly width: number;
  readonly blockedNs: number;
}
