/** Route patterns as text: joining, completing and judging them. */
import { foldSegments } from './fold.ts';

const SLASH = 47;

/** `*`, `/*`, `(.*)`, `/{*splat}`, `/*splat`, `/:path*`: a pattern that says nothing of its own. */
export function isWildcard(pattern: string): boolean {
  return /^\/?(?:\*\w*|\(\.\*\)\*?|\{\/?\*\w+\}|:\w+(?:\(\.\*\))?\*|\{\/\*\w+\})$/.test(pattern);
}

function isDynamic(segment: string): boolean {
  return /[:*{}()?+]/.test(segment);
}

/** The segments of a path or pattern, empty ones dropped. */
export function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function countSegments(path: string): number {
  let count = 0;
  for (let i = 0; i < path.length; i++) {
    if (path.charCodeAt(i) !== SLASH && (i === 0 || path.charCodeAt(i - 1) === SLASH)) count++;
  }
  return count;
}

/** Joins the pattern of a mount point with one below it: one slash between, none at the end. */
export function joinPatterns(mount: string, pattern: string): string {
  let joined = mount === '' ? pattern : `${mount}/${pattern}`;
  if (joined.includes('//')) joined = joined.replace(/\/{2,}/g, '/');
  if (joined.length > 1 && joined.endsWith('/')) joined = joined.slice(0, -1);
  return joined.startsWith('/') ? joined : `/${joined}`;
}

/** Whether the pattern could have matched the end of this path: static segments are equal, dynamic ones are anything. */
export function fitsEnd(pattern: string, path: string): boolean {
  const wanted = segmentsOf(pattern);
  const given = segmentsOf(path);
  const shift = given.length - wanted.length;
  if (shift < 0) return false;
  return wanted.every((segment, i) => isDynamic(segment) || segment === given[i + shift]);
}

/**
 * Completes a pattern known only below an unknown mount point: the leading segments of the path that the pattern leaves
 * over are put in front, folded. A pattern of variable length (wildcards, optional parts) is left alone.
 */
export function withFoldedMount(pattern: string, path: string): string {
  const over = countSegments(path) - countSegments(pattern);
  if (over <= 0 || /[*{}()?+]/.test(pattern)) return joinPatterns('', pattern);
  const given = segmentsOf(path);
  return joinPatterns(foldSegments(`/${given.slice(0, over).join('/')}`), pattern);
}
