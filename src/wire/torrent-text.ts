/** Text in torrents: UTF-8 by BEP 3, and whatever the machine spoke in old ones. */
import { Bencoded } from '#lib/bencode.ts';

/** null: it is no string. Never fails otherwise. */
export type TextReader = (value: Bencoded | Uint8Array | null) => string | null;

/** Reads the text of one torrent: what is no UTF-8 in the encoding that the torrent names, if it names one that is known. */
export function textReader(root: Bencoded): TextReader {
  const named = root.get('encoding')?.bytes ?? null;
  const other = named === null ? null : decoderOf(Buffer.from(named).toString('latin1').trim());
  return (value) => {
    const bytes = value instanceof Bencoded ? value.bytes : value;
    if (bytes === null) return null;
    try {
      return strict.decode(bytes);
    } catch {
      return (other ?? forgiving).decode(bytes);
    }
  };
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const forgiving = new TextDecoder('utf-8', { ignoreBOM: true });

function decoderOf(name: string): TextDecoder | null {
  try {
    return new TextDecoder(name, { ignoreBOM: true });
  } catch {
    return null;
  }
}
