/** Says which block each peer is asked for next, in the place of the library's own choice. */
import type { Torrent, Wire } from 'webtorrent';
import type { Priority } from '../engine.ts';
import type { PieceStore } from './piece-store.ts';

/** As large as a block is everywhere (BEP 3). */
const blockBytes = 16 * 1024;
/** Pieces that have begun are in memory until they are whole: so much of it, and two pieces at least. */
const mostHeldBytes = 48 * 2 ** 20;
/**
 * While the disk is behind, no more than this share of the torrent, or a few pieces of a small one: what is in memory when everything
 * is killed has to come again, and a fast peer would fill all of it in a moment.
 */
const mostShareBehind = 1 / 128;
const fewestHeldBytes = 4 * 2 ** 20;
/** So many of the missing pieces are compared for the rarest. */
const sampleSize = 256;
/** Asked ahead of one peer, whatever its speed: enough for a long way there and back. */
const fewestAhead = 32;
const mostAhead = 500;
const webSeedPieces = 2;
/** Of a limit, so much may be taken at once. */
const burstSeconds = 0.25;
const refillMs = 50;

export type WantedPiece = { index: number; priority: Priority };

const order: readonly Priority[] = ['high', 'normal', 'low'];

export class Picker {
  readonly #torrent: Torrent;
  readonly #isSequential: boolean;
  readonly #store: PieceStore;
  /** Not begun, by priority. When sequential, the next one is last. */
  readonly #waiting: Map<Priority, number[]>;
  readonly #priorities = new Map<number, Priority>();
  /** Begun and not yet on disk, and who began it. */
  readonly #open = new Map<number, Wire | null>();
  #heldBytes = 0;
  #limit: number | null = null;
  #credit = 0;
  #creditAtMs = performance.now();
  #timer: NodeJS.Timeout | null = null;

  /** `wanted` are the pieces that are missing, in the order of the torrent. */
  constructor(torrent: Torrent, wanted: WantedPiece[], isSequential: boolean, store: PieceStore) {
    this.#torrent = torrent;
    this.#isSequential = isSequential;
    this.#store = store;
    this.#waiting = new Map(order.map((priority) => [priority, []]));
    for (const { index, priority } of wanted.toReversed()) {
      this.#priorities.set(index, priority);
      this.#waiting.get(priority)?.push(index);
    }
  }

  /** Nothing is missing any more. */
  get isDone(): boolean {
    return this.#priorities.size === 0;
  }

  isWorthwhile(wire: Wire): boolean {
    for (const index of this.#priorities.keys()) if (wire.peerPieces.get(index)) return true;
    return false;
  }

  limit(bytesPerSecond: number | null): void {
    this.#limit = bytesPerSecond;
    this.#credit = Math.min(this.#credit, 0);
    if (bytesPerSecond === null) this.#torrent._update();
  }

  /** It is on disk and right. */
  arrived(index: number): void {
    this.#close(index);
    this.#priorities.delete(index);
  }

  /** Its bytes were wrong. */
  spoiled(index: number): void {
    this.#close(index);
    const priority = this.#priorities.get(index);
    if (priority !== undefined) this.#waiting.get(priority)?.push(index);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#priorities.clear();
  }

  /** Asks the peer for as much as it is worth. */
  ask(wire: Wire): void {
    if (wire.destroyed || wire.peerChoking || this.isDone) return;
    const most = mostAheadOf(wire);
    // Asked for in batches: the choice is made less often.
    if (wire.requests.length > most / 2) return;
    const hasRoom = () => wire.requests.length < most && this.#hasCredit();
    for (const [index, opener] of this.#open) {
      if (!hasRoom()) return;
      if (opener === wire) this.#fill(wire, index, hasRoom);
      else if ((opener === null || opener.destroyed) && wire.peerPieces.get(index)) {
        this.#open.set(index, wire);
        this.#fill(wire, index, hasRoom);
      }
    }
    while (hasRoom()) {
      const index = this.#next(wire);
      if (index === null) break;
      this.#open.set(index, wire);
      this.#heldBytes += this.#store.lengthOf(index);
      this.#fill(wire, index, hasRoom);
    }
    // Nothing else is left for it: it helps with what others began, and takes blocks over from slow ones.
    if (wire.requests.length > 0 || !hasRoom() || this.#store.isBehind) return;
    for (const index of this.#open.keys()) if (wire.peerPieces.get(index) && hasRoom()) this.#fill(wire, index, hasRoom, true);
  }

  #fill(wire: Wire, index: number, hasRoom: () => boolean, isLast = false): void {
    while (hasRoom()) {
      const before = wire.requests.length;
      const isAsked = hurried(wire, () => {
        return this.#torrent._request(wire, index, false) || (isLast && this.#torrent._request(wire, index, true));
      });
      if (!isAsked) return;
      for (const { length } of wire.requests.slice(before)) this.#credit -= length;
    }
  }

  #next(wire: Wire): number | null {
    if (this.#open.size >= 2 && this.#heldBytes + this.#store.chunkLength > this.#mostHeldBytes()) return null;
    for (const waiting of this.#waiting.values()) {
      const at = this.#isSequential
        ? waiting.findLastIndex((index) => wire.peerPieces.get(index))
        : this.#rarest(waiting, wire);
      if (at < 0) continue;
      const index = waiting[at] as number;
      waiting.splice(at, 1);
      return index;
    }
    return null;
  }

  /** Where the rarest of some that the peer has is in the list; -1: it has none. */
  #rarest(waiting: number[], wire: Wire): number {
    let best = -1;
    let fewest = Number.POSITIVE_INFINITY;
    const start = Math.floor(Math.random() * waiting.length);
    for (let seen = 0, step = 0; step < waiting.length && seen < sampleSize; step++) {
      const at = (start + step) % waiting.length;
      const index = waiting[at] as number;
      if (!wire.peerPieces.get(index)) continue;
      seen++;
      const count = this.#torrent._rarityMap._pieces[index] ?? 0;
      if (count >= fewest) continue;
      fewest = count;
      best = at;
    }
    return best;
  }

  #mostHeldBytes(): number {
    if (!this.#store.isBehind) return mostHeldBytes;
    return Math.min(mostHeldBytes, Math.max(fewestHeldBytes, this.#store.totalBytes * mostShareBehind));
  }

  #close(index: number): void {
    if (this.#open.delete(index)) this.#heldBytes -= this.#store.lengthOf(index);
  }

  #hasCredit(): boolean {
    if (this.#limit === null) return true;
    const nowMs = performance.now();
    const most = Math.max(this.#limit * burstSeconds, 1);
    this.#credit = Math.min(most, this.#credit + ((nowMs - this.#creditAtMs) * this.#limit) / 1000);
    this.#creditAtMs = nowMs;
    if (this.#credit > 0) return true;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (!this.#torrent.destroyed) this.#torrent._update();
    }, refillMs);
    return false;
  }
}

function mostAheadOf(wire: Wire): number {
  if (wire.type === 'webSeed') return webSeedPieces;
  const { reqq } = wire.peerExtendedHandshake;
  const allowed = typeof reqq === 'number' && reqq > 0 ? reqq : mostAhead;
  return Math.min(allowed, mostAhead, Math.max(fewestAhead, Math.ceil(wire.downloadSpeed() / blockBytes)));
}

/**
 * The library asks a peer for no more than a second of its speed brings; at first nobody knows it. Only while it is asked: which of
 * two peers is the slower one must stay true.
 */
function hurried<T>(wire: Wire, ask: () => T): T {
  const { downloadSpeed } = wire;
  wire.downloadSpeed = () => Math.max(downloadSpeed(), fewestAhead * blockBytes);
  try {
    return ask();
  } finally {
    wire.downloadSpeed = downloadSpeed;
  }
}
