import { decodePercent } from '#core/names.ts';

/**
 * The file name a Content-Disposition field suggests (RFC 6266), `filename*` (RFC 8187) before `filename`; null when it
 * gives none. Forgiving as browsers are: servers get this field wrong more often than right. The result is not safe yet.
 */
export function fileNameOf(value: string): string | null {
  const parameters = parseParameters(value.slice(0, 4096));
  const extended = parameters.get('filename*');
  if (extended !== undefined) {
    const decoded = decodeExtended(extended);
    if (decoded !== null && decoded !== '') return decoded;
  }
  const plain = parameters.get('filename');
  if (plain === undefined || plain === '') return null;
  // Many servers percent-encode here although the RFC does not; a name with a bare % that decodes to itself stays.
  return decodePercent(asUtf8(decodeEncodedWords(plain)));
}

/** `; name=value` and `; name="quoted \" value"`; of a repeated parameter the first counts. */
function parseParameters(value: string): Map<string, string> {
  const parameters = new Map<string, string>();
  const pattern = /(?:^|;)\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;]*))/g;
  for (const match of value.matchAll(pattern)) {
    const name = (match[1] as string).toLowerCase();
    const text = match[2] === undefined ? (match[3] as string).trim() : match[2].replace(/\\(.)/g, '$1');
    if (!parameters.has(name)) parameters.set(name, text);
  }
  return parameters;
}

/** RFC 8187: `charset'language'percent-encoded`. null when the charset is unknown or the bytes are not in it. */
function decodeExtended(value: string): string | null {
  const match = /^([\w-]+)'[^']*'(.*)$/.exec(value.replace(/^"(.*)"$/, '$1'));
  if (match === null) return null;
  const charset = (match[1] as string).toLowerCase();
  if (charset !== 'utf-8' && charset !== 'iso-8859-1') return null;
  if (/%(?![0-9a-f]{2})/i.test(match[2] as string)) return null;
  const bytes = Buffer.from(
    (match[2] as string).replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
  if (charset === 'iso-8859-1') return bytes.toString('latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Header bytes reach us as Latin-1; when they form valid UTF-8, that is what the server meant. */
function asUtf8(text: string): string {
  if (!/[\x80-\xff]/.test(text) || /[^\0-\xff]/.test(text)) return text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

/** RFC 2047 words (`=?utf-8?B?…?=`), which mail-minded servers put here. */
function decodeEncodedWords(text: string): string {
  return text.replace(/=\?(utf-8|iso-8859-1)\?([BQ])\?([^?]*)\?=\s*/gi, (_, charset: string, kind: string, body: string) => {
    const bytes =
      kind.toUpperCase() === 'B'
        ? Buffer.from(body, 'base64')
        : Buffer.from(
            body
              .replace(/_/g, ' ')
              .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
            'latin1',
          );
    return bytes.toString(charset.toLowerCase() === 'utf-8' ? 'utf8' : 'latin1');
  });
}
