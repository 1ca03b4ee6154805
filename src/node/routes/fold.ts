/** Paths whose route nobody knows: identifiers become `:id`, so that requests of one kind share a name. */
const UUID = /^\{?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\}?$/i;
const HEX = /^(?:0x)?[0-9a-f]{8,}$/i;
const EXTENSION = /^([^@%]+)(\.[a-z][a-z0-9]{0,4})$/i;
const PART = /[-._~]/;

/** Shortest mixed token (letters and digits, or both cases and digits) that is taken for an identifier. */
const TOKEN_LENGTH = 16;
/** Longest name of a thing people write by hand, in characters; longer segments are data. */
const WORD_LENGTH = 40;
/** Segments looked at; what follows is `*`. Bounds the work and the name of an absurd path. */
const MAX_SEGMENTS = 16;
const MAX_URL = 2048;

const ZERO = 48;
const NINE = 57;

const DIGIT = 1;
const LOWER = 2;
const UPPER = 4;
const MARK = 8;
const ESCAPED = 16;

/** Which kinds of characters occur: a set of the bits above. */
function kindsIn(segment: string): number {
  let kinds = 0;
  for (let i = 0; i < segment.length; i++) kinds |= kindOf(segment.charCodeAt(i));
  return kinds;
}

function kindOf(code: number): number {
  if (code >= ZERO && code <= NINE) return DIGIT;
  if (code >= 97 && code <= 122) return LOWER;
  if (code >= 65 && code <= 90) return UPPER;
  return code === 37 || code === 64 || code > 126 ? ESCAPED : MARK; // `%`, `@`
}

/** `main.8f3a2b1c`, `order-12345`: one part of the word is an identifier. */
function isIdPart(part: string): boolean {
  return /^\D*(?:\d\D*){5,}$/.test(part) || (HEX.test(part) && /\d/.test(part));
}

/** Whether a path segment is data rather than a word of the program: a number, uuid, hash, token, date, escaped text. */
export function isIdSegment(segment: string): boolean {
  const { length } = segment;
  if (length > WORD_LENGTH) return true;
  const kinds = kindsIn(segment);
  if ((kinds & ESCAPED) !== 0) return true;
  if ((kinds & DIGIT) === 0) return length >= TOKEN_LENGTH && HEX.test(segment);
  if ((kinds & (LOWER | UPPER)) === 0) return true;
  if (length < 8) return /\d{5}/.test(segment);
  if (HEX.test(segment) || UUID.test(segment)) return true;
  return isToken(segment, kinds) || ((kinds & MARK) !== 0 && segment.split(PART).some(isIdPart));
}

/** Long, with several digits, and either one run of letters and digits (ulid, objectid) or both cases (nanoid, base64url). */
function isToken(segment: string, kinds: number): boolean {
  if (segment.length < TOKEN_LENGTH || !/\d.*\d/.test(segment)) return false;
  return (kinds & MARK) === 0 || (kinds & (LOWER | UPPER)) === (LOWER | UPPER);
}

function foldSegment(segment: string): string {
  if (!isIdSegment(segment)) return segment;
  const file = EXTENSION.exec(segment);
  return file === null || segment.length > WORD_LENGTH ? ':id' : `:id${file[2]}`;
}

/** The path of a request target: no origin, no query, no fragment, always with a leading slash (`*` stays). */
export function pathOf(url: string): string {
  let start = 0;
  if (url.charCodeAt(0) !== 47) {
    if (url === '*') return url;
    const origin = url.indexOf('://');
    start = origin < 0 ? 0 : url.indexOf('/', origin + 3);
    if (start < 0) return '/';
  }
  let end = url.length;
  const query = url.indexOf('?', start);
  if (query >= 0) end = query;
  const fragment = url.indexOf('#', start);
  if (fragment >= 0 && fragment < end) end = fragment;
  const path = url.slice(start, Math.min(end, start + MAX_URL));
  return path.charCodeAt(0) === 47 ? path : `/${path}`;
}

/** Folds every identifier of a path (as pathOf gives it) to `:id`. */
export function foldSegments(path: string): string {
  if (path === '/' || path === '*') return path;
  const segments = path.split('/');
  let folded = '';
  let seen = 0;
  for (const segment of segments) {
    if (segment === '') continue;
    if (seen++ === MAX_SEGMENTS) return `${folded}/*`;
    folded += `/${foldSegment(segment)}`;
  }
  return folded === '' ? '/' : folded;
}
