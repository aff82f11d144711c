/** Keeps peers in order: those that send wrong bytes, break the rules of the protocol, or lie where nobody may connect to. */
import type { Piece, Torrent, Wire } from 'webtorrent';
import type { Guard } from './guard.ts';

/** RC4, as the library numbers what a connection is encrypted with. */
const encrypted = 2;
/** A peer that alone brought so many pieces that were wrong is sent away. */
const mostWrongPieces = 3;
/** Longer than any message that makes sense: the bits of 2^20 pieces, and the blocks that some send. */
const mostMessageBytes = 2 ** 20;
const mostRequests = 1000;
/** Known at a time; strangers may tell us of any number. */
const mostKnownPeers = 500;

export type PeerRules = {
  guard: Guard;
  /** How a peer is spoken to first; when that fails, the other way. Null: always as the library is told. */
  firstTry: 'plain' | 'encrypted' | null;
  /** The library takes plain connections too, whatever it is told. */
  isEncryptedOnly: boolean;
  /** Connected at a time. */
  mostPeers: number;
};

export class Peers {
  readonly #torrent: Torrent;
  readonly #guard: Guard;
  readonly #isEncryptedOnly: boolean;
  readonly #mostPeers: number;
  /** A peer is known by its host: a new port makes it no better. A web seed is known by its link. */
  readonly #names = new WeakMap<Wire, string>();
  readonly #wrongPieces = new Map<string, number>();
  readonly #banned = new Set<string>();
  /** Who brought the blocks of a piece that is being looked at. */
  readonly #bringers = new Map<number, Wire[]>();

  constructor(torrent: Torrent, { guard, firstTry, isEncryptedOnly, mostPeers }: PeerRules) {
    this.#torrent = torrent;
    this.#guard = guard;
    this.#isEncryptedOnly = isEncryptedOnly;
    this.#mostPeers = mostPeers;
    const { addPeer, _addPeer, _addIncomingPeer } = torrent;
    torrent._addPeer = (...given) => {
      const peer = _addPeer.apply(torrent, given);
      // It is asked for when the connection stands, at every try anew.
      if (firstTry !== null && peer !== null) {
        const secureFirst = firstTry === 'encrypted' ? 1 : 0;
        Object.defineProperty(peer, 'secure', { get: () => (peer.retries + secureFirst) % 2 });
      }
      return peer;
    };
    torrent.addPeer = (peer, source) => {
      const isWelcome = typeof peer === 'string' && this.#mayConnect(peer) && torrent._peersLength < mostKnownPeers;
      return isWelcome && addPeer.call(torrent, peer, source);
    };
    torrent._addIncomingPeer = (peer) => {
      // Before anything is said: not even a handshake is an answer to a plain one. An encrypted one has begun by now.
      if (isEncryptedOnly && peer.wire._peState === 'idle') return peer.destroy();
      _addIncomingPeer.call(torrent, peer);
    };
    torrent.on('wire', (wire: Wire) => this.#greet(wire));
  }

  get bannedCount(): number {
    return this.#banned.size;
  }

  /** Remembers who brings it. Called for every piece that is not here, and again when one is asked for anew. */
  watch(index: number): void {
    const piece = this.#torrent.pieces[index] as Piece;
    const { flush } = piece;
    piece.flush = () => {
      this.#bringers.set(index, piece.sources ?? []);
      return flush.call(piece);
    };
  }

  right(index: number): void {
    for (const wire of this.#taken(index)) this.#wrongPieces.delete(this.#nameOf(wire));
  }

  /** Whoever brought it alone is to blame; of several, each a part. */
  wrong(index: number): void {
    const bringers = this.#taken(index);
    for (const wire of bringers) {
      const name = this.#nameOf(wire);
      const count = (this.#wrongPieces.get(name) ?? 0) + 1 / bringers.length;
      this.#wrongPieces.set(name, count);
      if (count >= mostWrongPieces) this.#ban(name);
    }
    this.watch(index);
  }

  #nameOf(wire: Wire): string {
    return this.#names.get(wire) ?? wire.type;
  }

  #taken(index: number): Wire[] {
    const bringers = this.#bringers.get(index) ?? [];
    this.#bringers.delete(index);
    return bringers;
  }

  #ban(name: string): void {
    this.#banned.add(name);
    for (const wire of [...this.#torrent.wires]) if (this.#nameOf(wire) === name) wire.destroy();
  }

  #mayConnect(peer: string): boolean {
    const at = peer.lastIndexOf(':');
    const host = peer.slice(0, at).replace(/^\[|\]$/g, '');
    return !this.#banned.has(host) && this.#guard.isOpen(host, Number(peer.slice(at + 1)));
  }

  #greet(wire: Wire): void {
    const { _onMessage: read, _onMessageLength: readLength } = wire;
    const link = Array.from(this.#torrent._peers).find(([, peer]) => peer.wire === wire)?.[0];
    const name = wire.remoteAddress ?? link ?? wire.type;
    this.#names.set(wire, name);
    // Whom we connect to encrypted may answer in plain text.
    const isPlain = this.#isEncryptedOnly && wire.type !== 'webSeed' && wire._encryptionMethod !== encrypted;
    // A connection that was ended still reads what has come already: nothing of it matters then.
    const isDeaf = () => isPlain || wire.destroyed || this.#banned.has(name);
    wire._onMessageLength = (prefix) => {
      if (isDeaf()) return;
      // What a web seed brings is read by our own code, which takes no more than a piece, and comes as one message.
      const isTooLong = wire.type !== 'webSeed' && Buffer.from(prefix).readUInt32BE() > mostMessageBytes;
      if (isTooLong) return this.#ban(name);
      return readLength.call(wire, prefix);
    };
    wire._onMessage = (message) => {
      if (isDeaf()) return;
      try {
        if (wire.peerRequests.length > mostRequests) throw new RangeError('it asks and asks');
        return read.call(wire, message);
      } catch {
        // What the reader stumbles over costs the peer its place, and nobody else anything.
        return this.#ban(name);
      }
    };
    if (wire.type === 'webSeed') return;
    // It may have connected to us. Its port is its own affair.
    const isRefused = isPlain || this.#banned.has(name) || !this.#guard.isOpen(wire.remoteAddress ?? '', 0);
    // The library bounds only those that it connects to itself.
    const count = this.#torrent.wires.filter(({ type }) => type !== 'webSeed').length;
    if (isRefused || count > this.#mostPeers) wire.destroy();
  }
}
