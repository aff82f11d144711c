/** Trackers and web seeds, in torrents and magnets: those that are links of a kind that is asked, each once, and not too many. */
import type { Bencoded } from '#lib/bencode.ts';

export const mostTrackers = 100;
const mostWebSeeds = 100;
const mostLinkLength = 2048;

const trackerSchemes = ['http:', 'https:', 'udp:', 'ws:', 'wss:'];
const webSeedSchemes = ['http:', 'https:'];

/** Tiers of a torrent's trackers (BEP 12); the single one of BEP 3 only counts when there is no list. */
export function readTrackers(root: Bencoded): string[][] {
  const list = root.get('announce-list');
  const given = list === null ? [] : Array.from(list.items(), (tier) => Array.from(tier.items(), linkText));
  const tiers = trackerTiers(given);
  return tiers.length > 0 ? tiers : trackerTiers([[linkText(root.get('announce'))]]);
}

/** Keeps what is a tracker, once and in its place; tiers that are empty then are left out. */
export function trackerTiers(given: readonly (readonly string[])[]): string[][] {
  const known = new Set<string>();
  const isNew = (link: string) => known.size < mostTrackers && known.size < known.add(link).size;
  return given
    .map((tier) => tier.map((link) => link.trim()).filter((link) => isLink(link, trackerSchemes) && isNew(link)))
    .filter((tier) => tier.length > 0);
}

/** BEP 19: one link or a list. That of a folder ends with a slash. */
export function readWebSeeds(root: Bencoded, isFolder: boolean): string[] {
  const given = root.get('url-list');
  if (given === null) return [];
  return webSeeds(given.kind === 'list' ? Array.from(given.items(), linkText) : [linkText(given)], isFolder);
}

export function webSeeds(given: readonly string[], isFolder: boolean): string[] {
  const links = given.map((link) => link.trim()).filter((link) => isLink(link, webSeedSchemes));
  const whole = links.map((link) => new URL(link).href).map((href) => (isFolder && !href.endsWith('/') ? `${href}/` : href));
  return [...new Set(whole)].slice(0, mostWebSeeds);
}

function isLink(text: string, schemes: readonly string[]): boolean {
  if (text.length > mostLinkLength) return false;
  const url = URL.parse(text);
  return url !== null && schemes.includes(url.protocol) && url.hostname !== '';
}

function linkText(value: Bencoded | null): string {
  return Buffer.from(value?.bytes ?? []).toString('utf8');
}
