/** Magnet links (BEP 9, 53 for `so`, 52 for version 2): the hash of a torrent, and where its description may be had. */
import { FlotillaError } from '#core/errors.ts';
import { maxLinkLength } from '#core/link.ts';
import { safeName } from '#core/names.ts';
import { type Range, RangeSet } from '#lib/ranges.ts';
import { mostTrackers, trackerTiers, webSeeds } from './torrent-links.ts';

export type Magnet = {
  /** SHA-1 of the info dictionary, lower-case hex; null: it names no version 1. One of the two is there. */
  infoHash: string | null;
  /** SHA-256 likewise. */
  infoHashV2: string | null;
  /** Safe; what the link says, before anybody has seen the torrent. */
  name: string | null;
  /** Each a tier of its own. */
  trackers: string[];
  webSeeds: string[];
  /** Peers that the link names. */
  peers: { host: string; port: number }[];
  /** As the link says; the torrent decides. */
  sizeBytes: number | null;
  /** Indices of the wanted files, as ascending ranges without their ends; null: all files. Never made a list of. */
  selected: Range[] | null;
};

const mostPeers = 100;
const mostRanges = 1000;

/** Throws `unsupported` with a sentence when the link names no torrent, two of them, or files in a way that means nothing. */
export function readMagnet(link: URL): Magnet {
  if (link.href.length > maxLinkLength) throw refused(`it is longer than ${maxLinkLength} characters`);
  const fields = [...link.searchParams];
  // Older writers number what stands there more than once: `xt.1`, `tr.2`.
  const all = (name: string) =>
    fields.filter(([key]) => key.toLowerCase().replace(/\.\d+$/, '') === name).map(([, text]) => text);
  const topics = all('xt');
  const infoHash = onlyOne(topics.map(readHash));
  const infoHashV2 = onlyOne(topics.map(readHashV2));
  if (infoHash === null && infoHashV2 === null) throw refused('it names no torrent (xt=urn:btih:… or xt=urn:btmh:…)');
  const name = all('dn').find((text) => text.trim() !== '');
  const size = all('xl').find((text) => /^\d{1,16}$/.test(text));
  const selections = all('so').filter((text) => text.trim() !== '');
  return {
    infoHash,
    infoHashV2,
    name: name === undefined ? null : safeName(name, infoHash ?? infoHashV2 ?? 'torrent'),
    trackers: trackerTiers(all('tr').map((text) => [text]))
      .flat()
      .slice(0, mostTrackers),
    webSeeds: webSeeds(all('ws'), false),
    peers: all('x.pe')
      .flatMap((text) => readPeer(text) ?? [])
      .slice(0, mostPeers),
    sizeBytes: size === undefined || !Number.isSafeInteger(Number(size)) ? null : Number(size),
    selected: selections.length === 0 ? null : readSelection(selections.join(',')),
  };
}

/** null: it is a topic of another kind. */
function readHash(topic: string): string | null {
  const text = /^urn:btih:(.*)$/is.exec(topic)?.[1];
  if (text === undefined) return null;
  if (/^[0-9a-f]{40}$/i.test(text)) return text.toLowerCase();
  if (/^[a-z2-7]{32}$/i.test(text)) return fromBase32(text);
  throw refused('its hash (xt=urn:btih:…) has not 40 hexadecimal digits, nor 32 of base 32');
}

/** A multihash: 0x12 is SHA-256, 0x20 its 32 bytes. */
function readHashV2(topic: string): string | null {
  const text = /^urn:btmh:(.*)$/is.exec(topic)?.[1];
  if (text === undefined) return null;
  const hex = /^1220([0-9a-f]{64})$/i.exec(text)?.[1];
  if (hex === undefined) throw refused('its hash (xt=urn:btmh:…) is not 1220 and 64 hexadecimal digits');
  return hex.toLowerCase();
}

function onlyOne(hashes: (string | null)[]): string | null {
  const known = new Set(hashes.filter((hash) => hash !== null));
  if (known.size > 1) throw refused('it names two torrents');
  return [...known][0] ?? null;
}

/** RFC 4648 section 6. */
function fromBase32(text: string): string {
  const digits = Array.from(text.toLowerCase(), (digit) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(digit));
  const bits = digits.map((digit) => digit.toString(2).padStart(5, '0')).join('');
  return (bits.match(/.{4}/g) ?? []).map((four) => Number.parseInt(four, 2).toString(16)).join('');
}

/** `host:port`, `[address]:port`; null: neither. */
function readPeer(text: string): { host: string; port: number } | null {
  const url = URL.parse(`udp://${text}`);
  const port = Number(url?.port);
  if (url === null || url.host !== text.toLowerCase() || !(port > 0)) return null;
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port };
}

/** BEP 53: `0,2,4,6-8`. */
function readSelection(text: string): Range[] {
  const ranges = new RangeSet();
  const parts = text.split(',').filter((part) => part.trim() !== '');
  if (parts.length > mostRanges) throw refused(`its selection of files (so=…) has more than ${mostRanges} parts`);
  for (const part of parts) {
    const [, first, last = first] = /^\s*(\d{1,9})(?:-(\d{1,9}))?\s*$/.exec(part) ?? [];
    const isRange = first !== undefined && Number(first) <= Number(last);
    if (!isRange)
      throw refused(`its selection of files (so=…) has ${JSON.stringify(part.slice(0, 40))}, which is no number or range`);
    ranges.add(Number(first), Number(last) + 1);
  }
  return ranges.toArray();
}

function refused(why: string): FlotillaError {
  return new FlotillaError('unsupported', `The magnet link is refused: ${why}.`);
}
