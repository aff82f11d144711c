/** Files that people drop or choose: torrents and Metalink documents, which the server reads, and lists of links. */
import { isTorrentFile } from '#core/torrent-file.ts';
import { holdsLinks, isMetalinkText, linksOfFile } from './links.ts';

/** A file that stands for what it lists. */
export type Given = { name: string } & ({ kind: 'metalink'; text: string } | { kind: 'document'; base64: string });

/** What the server takes. */
const mostMetalinkBytes = 1024 * 1024;
const mostDocumentBytes = 10 * 1024 * 1024;
const mostTextBytes = 4 * 1024 * 1024;

/** What files hold for us together; `refused` names those that hold nothing. */
export type Taken = { givens: Given[]; text: string; refused: string[] };

export async function takeFiles(files: Iterable<File>): Promise<Taken> {
  const taken: Taken = { givens: [], text: '', refused: [] };
  for (const file of files) {
    const held = await readGiven(file);
    if (held === null) taken.refused.push(file.name);
    else if (typeof held === 'string') taken.text = `${taken.text}\n${held}`.trim();
    else taken.givens.push(held);
  }
  return taken;
}

/** A document, the links of a list, or null. */
async function readGiven(file: File): Promise<Given | string | null> {
  // Nobody wants to have a film read into memory to learn that it is no list.
  if (file.size > mostDocumentBytes) return null;
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isTorrentFile({ mediaType: file.type, name: file.name, firstBytes: bytes }))
    return { kind: 'document', name: file.name, base64: toBase64(bytes) };
  if (file.size > mostTextBytes) return null;
  const text = new TextDecoder(bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8').decode(bytes);
  if (isMetalinkText(text)) return file.size > mostMetalinkBytes ? null : { kind: 'metalink', name: file.name, text };
  const links = linksOfFile(text);
  return holdsLinks(links) ? links : null;
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  // A call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
