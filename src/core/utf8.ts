/** UTF-8 without TextEncoder, which belongs to the host: the core runs on any host. Only names go through here. */

/** The text's bytes, cut at a character boundary so that at most `maxBytes` remain. */
export function encodeUtf8(text: string, maxBytes: number): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes.length + length > maxBytes) break;
    if (length === 1) {
      bytes.push(code);
      continue;
    }
    const lead = length === 2 ? 0xc0 : length === 3 ? 0xe0 : 0xf0;
    bytes.push(lead | (code >>> (6 * (length - 1))));
    for (let rest = length - 2; rest >= 0; rest--) bytes.push(0x80 | ((code >>> (6 * rest)) & 0x3f));
  }
  return Uint8Array.from(bytes);
}

/** The inverse; a damaged sequence becomes U+FFFD, never an error (the bytes may come from a dying process). */
export function decodeUtf8(bytes: Uint8Array, start: number, length: number): string {
  let text = '';
  const end = start + length;
  for (let at = start; at < end; ) {
    const first = bytes[at++]!;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      continue;
    }
    const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    let code = first & (0x3f >>> more);
    for (let i = 0; i < more; i++) code = (code << 6) | (at < end ? bytes[at++]! & 0x3f : 0);
    text += code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
  }
  return text;
}
