/** Metalink documents: files with their size, digests and mirrors. Version 4 (RFC 5854) and 3 (metalinker.org). */
import { parseChecksum } from '#core/checksum.ts';
import { FlotillaError } from '#core/errors.ts';
import { type ListedFile, type Listing, mostMirrors } from '#core/listing.ts';
import { safeName } from '#core/names.ts';
import type { Digest, DigestAlgorithm, PieceDigests } from '#core/resolution.ts';
import { readXml, type XmlElement } from './xml.ts';

const leastPriority = 999_999;
const strength: DigestAlgorithm[] = ['sha-512', 'sha-256', 'sha-1', 'md5'];
const namespaces = { 4: 'urn:ietf:params:xml:ns:metalink', 3: 'http://www.metalinker.org/' };

/** A longer document is refused: its digests of pieces are kept with each file. */
const mostListedFiles = 1000;

export const metalink: Listing = {
  kind: 'metalink',
  isOne: (mediaType, name) => isMetalink(mediaType) || isMetalinkName(name ?? ''),
  read: (bytes) => readMetalink(bytes),
};

type NamedFile = ListedFile & { path: string };

function isMetalink(mediaType: string | null): boolean {
  return mediaType === 'application/metalink4+xml' || mediaType === 'application/metalink+xml';
}

/** Does the name say that this is a Metalink document? */
export function isMetalinkName(name: string): boolean {
  return /\.(meta4|metalink)$/i.test(name);
}

/** The files that a document lists. Throws `unsupported` with a sentence when it is not a document we can trust to mean one thing. */
export function readMetalink(bytes: Uint8Array): NamedFile[] {
  const root = readXml(bytes);
  const namespace = root.attributes.get('xmlns');
  const isOld = namespace === namespaces[3];
  if (root.name !== 'metalink' || (!isOld && namespace !== namespaces[4])) throw refused('it is no Metalink of version 3 or 4');
  const elements = isOld ? all(root, 'files').flatMap((files) => all(files, 'file')) : all(root, 'file');
  if (elements.length === 0) throw refused('it lists no file');
  if (elements.length > mostListedFiles) throw refused(`it lists more than ${mostListedFiles} files`);
  const files = elements.map((element) => readFile(element, isOld));
  const paths = new Set(files.map(({ path }) => path.toLowerCase()));
  if (paths.size < files.length) throw refused('two of its files have the same name');
  return files;
}

function readFile(file: XmlElement, isOld: boolean): NamedFile {
  const path = readPath(file.attributes.get('name') ?? '');
  const proofs = isOld ? all(file, 'verification') : [file];
  const places = isOld ? all(file, 'resources') : [file];
  const digests = proofs.flatMap((proof) => all(proof, 'hash')).flatMap((hash) => readDigest(hash) ?? []);
  const pieces = proofs.flatMap((proof) => all(proof, 'pieces')).map(readPieces);
  const links = places.flatMap((place) => all(place, 'url')).flatMap((url) => readLink(url, isOld) ?? []);
  if (links.length > mostMirrors) throw refused(`${path} has more than ${mostMirrors} mirrors`);
  if (links.length === 0) throw refused(`${path} has no web link`);
  const sizes = all(file, 'size');
  const sizeBytes = sizes[0] === undefined ? null : readNumber(sizes[0].text, `the size of ${path}`);
  const best = pieces.filter((found) => found !== null).sort((a, b) => rank(a) - rank(b))[0] ?? null;
  if (best !== null && sizeBytes !== null && best.hexes.length !== Math.ceil(sizeBytes / best.lengthBytes))
    throw refused(`the pieces of ${path} do not add up to its size`);
  return {
    path,
    sizeBytes,
    digests: digests.sort((a, b) => rank(a) - rank(b)),
    pieces: best,
    links: links.sort((a, b) => a.priority - b.priority).map(({ url }) => url.href),
  };
}

/** RFC 5854 4.1.2.1: a name may have folders, and must not lead out of the one the user chose. */
function readPath(name: string): string {
  const parts = name.split('/');
  const isTraversal = parts.some((part) => part.trim() === '' || /^[. ]+$/.test(part) || /[\\\p{Cc}]/u.test(part));
  if (name === '' || isTraversal || /^[a-z]:/i.test(name)) {
    throw refused(`the name ${JSON.stringify(name.slice(0, 100))} is not one inside a folder`);
  }
  if (parts.length > 16) throw refused('a name has too many folders');
  return parts.map((part) => safeName(part)).join('/');
}

/** null: an algorithm we do not know, which promises nothing. */
function readDigest({ attributes, text }: XmlElement): Digest | null {
  const algorithm = algorithmOf(attributes.get('type'));
  return algorithm === null ? null : checked(algorithm, text);
}

function readPieces(element: XmlElement): PieceDigests | null {
  const algorithm = algorithmOf(element.attributes.get('type'));
  if (algorithm === null) return null;
  const lengthBytes = readNumber(element.attributes.get('length') ?? '', 'the length of its pieces');
  if (lengthBytes === 0) throw refused('its pieces have no length');
  const hashes = all(element, 'hash');
  // Version 3 numbers them; RFC 5854 4.1.8 relies on their order.
  const inOrder = hashes.every(({ attributes }, index) => (attributes.get('piece') ?? String(index)) === String(index));
  if (!inOrder) throw refused('its pieces are not in order');
  return { algorithm, lengthBytes, hexes: hashes.map(({ text }) => checked(algorithm, text).hex) };
}

/** Web links only. */
function readLink({ attributes, text }: XmlElement, isOld: boolean): { url: URL; priority: number } | null {
  const url = URL.parse(text.trim());
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null;
  // Version 3 links torrents in the same way: `type="bittorrent"`.
  if (isOld && !/^https?$/i.test(attributes.get('type') ?? 'http')) return null;
  url.hash = '';
  const order = attributes.get(isOld ? 'preference' : 'priority');
  if (order === undefined || !/^\d{1,6}$/.test(order)) return { url, priority: leastPriority };
  return { url, priority: isOld ? leastPriority - Number(order) : Number(order) };
}

function algorithmOf(type: string | undefined): DigestAlgorithm | null {
  const name = (type ?? '')
    .trim()
    .toLowerCase()
    .replace(/^sha(\d)/, 'sha-$1');
  return strength.find((algorithm) => algorithm === name) ?? null;
}

function checked(algorithm: DigestAlgorithm, text: string): Digest {
  const hex = text.trim();
  if (!/^[0-9a-f]{1,128}$/i.test(hex)) throw refused(`a digest of the kind ${algorithm} is none`);
  return parseChecksum(`${algorithm}=${hex}`);
}

function readNumber(text: string, what: string): number {
  const trimmed = text.trim();
  if (!/^\d{1,16}$/.test(trimmed) || !Number.isSafeInteger(Number(trimmed))) throw refused(`${what} is no number`);
  return Number(trimmed);
}

function rank({ algorithm }: { algorithm: DigestAlgorithm }): number {
  return strength.indexOf(algorithm);
}

function all({ children }: XmlElement, name: string): XmlElement[] {
  return children.filter((child) => child.name === name);
}

function refused(why: string): FlotillaError {
  return new FlotillaError('unsupported', `The Metalink document is refused: ${why}.`);
}
