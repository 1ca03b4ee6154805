/** Reads the rings between refreshes, sooner when they fill fast, so that none runs over. */
import type { Observer } from './observer.ts';

const POLL_MS = 100;
/** A ring that fills faster than this share per poll is read again sooner. */
const FULL_SHARE = 0.2;
const POLL_FAST_MS = 10;

/** Returns what ends it. `onError` is told why it has ended by itself. */
export function pollRings(observer: Observer, onError: (error: unknown) => void): () => void {
  let timer: NodeJS.Timeout;
  const poll = (): void => {
    try {
      const fullest = observer.poll();
      timer = setTimeout(poll, fullest > FULL_SHARE ? POLL_FAST_MS : POLL_MS);
    } catch (error) {
      onError(error);
    }
  };
  timer = setTimeout(poll, POLL_MS);
  return () => clearTimeout(timer);
}
