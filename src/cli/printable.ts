/**
 * Text that others wrote, made safe to show. Names come from request paths, messages from the measured program, file
 * names from whoever made the file: what they hold must neither move the cursor of whoever reads the table, nor turn a
 * line around, nor hide in it.
 *
 * Shown as escapes: control characters (C0, DEL, C1), formatting characters (bidi overrides, zero-width joiners, tags,
 * byte order marks), line and paragraph separators, half surrogates, and what combines with the character before it:
 * terminals differ in how wide that is, and a table would be askew (cells.ts). Two different names stay different, as with a
 * replacement character they would not. JSON is never passed through this: its own escapes are safe, and programs want
 * the name as it is.
 *
 * Right: escape each text before its width is measured, and before colours are added. Wrong: a finished, coloured line.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Mn}\p{Me}\u1160-\u11ff]/gu;
const SHORT: ReadonlyMap<string, string> = new Map([
  ['\t', '\\t'],
  ['\n', '\\n'],
  ['\r', '\\r'],
]);

/** "GET /\u001b[2J" becomes "GET /\x1b[2J", with a backslash in it. */
export function printable(text: string): string {
  return text.replace(UNSAFE, escaped);
}

function escaped(character: string): string {
  const short = SHORT.get(character);
  if (short !== undefined) return short;
  const code = character.codePointAt(0)!;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\u{${code.toString(16)}}`;
}
