/** One torrent in the child process: the library knows its peers, everything that touches the disk or chooses is ours. */
import type WebTorrent from 'webtorrent';
import type { Torrent, Wire } from 'webtorrent';
import type { ConnectionProgress } from '#core/protocol.ts';
import type { TorrentOrder, TorrentState } from '../engine.ts';
import { hasBit, setBit } from './bits.ts';
import { type PeerRules, Peers } from './peers.ts';
import { Picker } from './picker.ts';
import { PieceStore } from './piece-store.ts';
import { recallGiven, recallPieces, writeRecord } from './record.ts';
import { doneRanges, wantedBytes, wantedPieces } from './shape.ts';
import { addWebSeeds } from './web-seeds.ts';

/** What was verified is flushed and written down this often: after a crash, the pieces since then are hashed again. */
const recordMs = 5000;
const mostShownPeers = 50;
const sha1Bytes = 20;
/** A block (BEP 3): less than this is not given any more. */
const blockBytes = 16 * 1024;
/** The library speaks of one file, whatever there is: its own work grows with files times pieces. */
const onlyFile = 'bytes';

/** The library, and whom it may talk to. */
export type Engine = { client: WebTorrent; rules: PeerRules };

export type SwarmTells = {
  fetched(): void;
  failed(error: Error): void;
  debug(line: string): void;
};

export class Swarm {
  readonly #order: TorrentOrder;
  readonly #tells: SwarmTells;
  readonly #store: PieceStore;
  readonly #stopped = new AbortController();
  readonly #sizeBytes: number;
  #begun: Promise<void> = Promise.resolve();
  #pieces: Uint8Array = new Uint8Array(0);
  #torrent: Torrent | null = null;
  #picker: Picker | null = null;
  #peers: Peers | null = null;
  #limit: number | null;
  #phase: TorrentState['phase'] = 'checking';
  #recordTimer: NodeJS.Timeout | null = null;
  #recording: Promise<void> = Promise.resolve();
  #isRecordStale = false;
  #doneAtMs: number | null = null;
  /** What was here when it began, and so came in an earlier run. */
  #earlierBytes = 0;
  /** Of blocks, whether they have left already or not; in all runs. */
  #givenBytes = 0;
  /** How long earlier runs gave it. */
  #earlierGivingMs = 0;
  /** What had left at the last look. */
  #uploadedBytes = 0;
  #isOver = false;

  constructor(order: TorrentOrder, limitBytesPerSecond: number | null, tells: SwarmTells) {
    this.#order = order;
    this.#limit = limitBytesPerSecond;
    this.#tells = tells;
    this.#store = new PieceStore(order.folder, order);
    this.#sizeBytes = wantedBytes(order.files);
  }

  async begin(loading: Promise<Engine>): Promise<void> {
    const engine = await loading;
    if (this.#stopped.signal.aborted) return;
    this.#begun = this.#begin(engine);
    await this.#begun;
  }

  async #begin(engine: Engine): Promise<void> {
    await this.#store.prepare();
    const { givenBytes, givingMs } = await recallGiven(this.#order);
    [this.#givenBytes, this.#earlierGivingMs] = [givenBytes, givingMs];
    this.#pieces = await recallPieces(this.#order, this.#store, this.#stopped.signal);
    this.#earlierBytes = doneRanges(this.#order, this.#pieces).doneBytes;
    // From now on something may be written that the record does not name.
    this.#isRecordStale = true;
    await this.#record(false);
    if (this.#stopped.signal.aborted) return;
    this.#phase = 'fetching';
    this.#recordTimer = setInterval(() => {
      if (this.#phase === 'giving') this.#isRecordStale = true;
      this.#record(false).catch(this.#fail);
      this.#invite();
    }, recordMs);
    this.#join(engine);
  }

  limit(bytesPerSecond: number | null): void {
    this.#limit = bytesPerSecond;
    this.#picker?.limit(bytesPerSecond);
  }

  state(): TorrentState {
    const torrent = this.#torrent;
    this.#checkGiving();
    return {
      phase: this.#phase,
      ...doneRanges(this.#order, this.#pieces),
      sizeBytes: this.#sizeBytes,
      speedBytesPerSecond: Math.round(torrent?.downloadSpeed ?? 0),
      receivedBytes: torrent?.received ?? 0,
      connections: torrent?.wires.slice(0, mostShownPeers).map(progressOf) ?? [],
      bannedCount: this.#peers?.bannedCount ?? 0,
    };
  }

  /** Resolves when nothing is written any more and what is there is written down. */
  async remove(): Promise<void> {
    this.#stopped.abort();
    // Nothing is made any more by what is only beginning.
    if (this.#phase === 'checking') await this.#begun.catch(() => {});
    if (this.#recordTimer !== null) clearInterval(this.#recordTimer);
    this.#picker?.stop();
    const torrent = this.#torrent;
    // A tracker that does not hear our goodbye holds nobody up.
    if (torrent !== null && !torrent.destroyed) torrent.destroy(null, () => {});
    if (this.#phase !== 'checking') await this.#record(true).catch(() => {});
    await this.#store.end();
  }

  #join({ client, rules }: Engine): void {
    const { infoHash, name, pieceHashes, pieceLengthBytes, totalBytes, trackers, isPrivate } = this.#order;
    const hashes = Buffer.from(pieceHashes.buffer, pieceHashes.byteOffset, pieceHashes.length).toString('hex');
    const pieces = Array.from({ length: pieceHashes.length / sha1Bytes }, (_, index) =>
      hashes.slice(index * 2 * sha1Bytes, (index + 1) * 2 * sha1Bytes),
    );
    const torrent = client.add(
      {
        infoHash: infoHash as string,
        name,
        // Says that all is known; what others ask of it is served by `#answerMetadata`.
        info: {},
        announce: trackers,
        urlList: [],
        private: isPrivate,
        files: [{ path: onlyFile, name: onlyFile, length: totalBytes, offset: 0 }],
        length: totalBytes,
        pieceLength: pieceLengthBytes,
        lastPieceLength: totalBytes % pieceLengthBytes || pieceLengthBytes,
        pieces,
      },
      { preloadedStore: this.#store, storeCacheSlots: 0, deselect: true, bitfield: this.#pieces, private: isPrivate },
    );
    this.#torrent = torrent;
    torrent.on('error', this.#fail);
    torrent.on('warning', ({ message }: Error) => this.#warned(message));
    torrent.once('metadata', () => this.#takeOver(torrent, rules));
    torrent.on('verified', (index: number) => this.#arrived(index));
    torrent.once('ready', () => {
      this.#invite();
      addWebSeeds(torrent, this.#order);
      this.#checkDone();
    });
  }

  /** The library forgets a peer that it could not reach a few times. */
  #invite(): void {
    const torrent = this.#torrent;
    if (torrent === null || torrent.destroyed || !torrent.ready) return;
    for (const peer of this.#order.peers) if (!torrent._peers.has(peer)) torrent.addPeer(peer);
  }

  /** Called when the library has its lists, and no peer yet. */
  #takeOver(torrent: Torrent, rules: PeerRules): void {
    const missing = wantedPieces(this.#order).filter(({ index }) => !torrent.bitfield.get(index));
    const picker = new Picker(torrent, missing, this.#order.isSequential, this.#store);
    picker.limit(this.#limit);
    const peers = new Peers(torrent, rules);
    for (const { index } of missing) peers.watch(index);
    this.#picker = picker;
    this.#peers = peers;
    torrent.metadata = true;
    torrent._updateWire = (wire) => picker.ask(wire);
    torrent._updateWireInterest = (wire) => (picker.isWorthwhile(wire) ? wire.interested() : wire.uninterested());
    torrent._checkDone = () => this.#checkDone();
    torrent.on('wire', (wire: Wire) => this.#greet(torrent, wire));
  }

  #greet(torrent: Torrent, wire: Wire): void {
    const { info } = this.#order;
    const { ut_metadata: metadata, unchoke, piece } = wire;
    metadata.metadata = info;
    metadata._metadataComplete = true;
    metadata._metadataSize = info.length;
    wire.extendedHandshake.metadata_size = info.length;
    // We give as much as we get, and no more.
    wire.unchoke = () => {
      if (this.#leftToGive(torrent) >= blockBytes) unchoke.call(wire);
    };
    // Counted here and not when it leaves: a quick peer asks for far more at once.
    wire.piece = (index, offset, bytes) => {
      if (bytes.length <= this.#leftToGive(torrent)) {
        this.#givenBytes += bytes.length;
        this.#isRecordStale = true;
        return piece.call(wire, index, offset, bytes);
      }
      wire.choke();
      // BEP 6: nothing stays without an answer.
      if (wire.hasFast) wire.reject(index, offset, bytes.length);
    };
  }

  #leftToGive({ received }: Torrent): number {
    const gotBytes = this.#earlierBytes + received;
    // A little may be lent before anything came, and never more than there is.
    const whileFetchingBytes = Math.min(this.#sizeBytes, Math.max(gotBytes, 2 ** 20));
    const most = this.#phase === 'giving' ? this.#sizeBytes * this.#order.stopRatio : whileFetchingBytes;
    return most - this.#givenBytes;
  }

  /** In all runs. */
  get #givingMs(): number {
    const sinceMs = this.#phase === 'giving' && this.#doneAtMs !== null ? performance.now() - this.#doneAtMs : 0;
    return this.#earlierGivingMs + sinceMs;
  }

  #warned(message: string): void {
    this.#tells.debug(message);
    const spoiled = /^Piece (\d+) failed verification$/.exec(message)?.[1];
    if (spoiled === undefined) return;
    this.#peers?.wrong(Number(spoiled));
    this.#picker?.spoiled(Number(spoiled));
  }

  #arrived(index: number): void {
    this.#peers?.right(index);
    this.#picker?.arrived(index);
    if (hasBit(this.#pieces, index)) return;
    setBit(this.#pieces, index);
    this.#isRecordStale = true;
  }

  #checkDone(): boolean {
    if (this.#picker?.isDone !== true || this.#doneAtMs !== null || this.#isOver) return this.#picker?.isDone ?? false;
    this.#doneAtMs = performance.now();
    const { files, stopRatio, seedSeconds } = this.#order;
    // BEP 3: a tracker is told by those who have all of it now, and did not when they began.
    const isNewlyWhole = this.#earlierBytes < this.#sizeBytes && files.every(({ isWanted }) => isWanted);
    if (isNewlyWhole) this.#torrent?.discovery?.complete();
    if (stopRatio > 0 && this.#givingMs < seedSeconds * 1000) this.#phase = 'giving';
    else this.#finish();
    return true;
  }

  #checkGiving(): void {
    const torrent = this.#torrent;
    if (torrent === null || torrent.destroyed) return;
    const isEnough = this.#leftToGive(torrent) < blockBytes;
    if (isEnough) for (const wire of torrent.wires) wire.choke();
    const isQuiet = torrent.uploaded === this.#uploadedBytes;
    this.#uploadedBytes = torrent.uploaded;
    if (this.#phase !== 'giving') return;
    if (this.#givingMs >= this.#order.seedSeconds * 1000 || (isEnough && isQuiet)) this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#store
      .finish()
      .then(() => this.remove())
      .then(() => this.#tells.fetched(), this.#fail);
  }

  /** Flushes first: the record names nothing that could be lost. One at a time, and none after a disk that failed. */
  #record(isLast: boolean): Promise<void> {
    const write = async () => {
      if (!this.#isRecordStale && !isLast) return;
      this.#isRecordStale = false;
      const pieces = Uint8Array.from(this.#pieces);
      const given = { givenBytes: this.#givenBytes, givingMs: this.#givingMs };
      await this.#store.flush();
      await writeRecord(this.#order, pieces, given, isLast);
    };
    this.#recording = this.#recording.then(write);
    return this.#recording;
  }

  readonly #fail = (error: unknown): void => {
    if (this.#isOver && !(error instanceof Error)) return;
    this.#isOver = true;
    this.remove().finally(() => this.#tells.failed(error as Error));
  };
}

function progressOf(wire: Wire): ConnectionProgress {
  const { remoteAddress, remotePort, type } = wire;
  const mirror = remoteAddress === undefined ? type : `${remoteAddress}:${remotePort}`;
  return { mirror, startByte: 0, position: 0, endByte: null, speedBytesPerSecond: Math.round(wire.downloadSpeed()) };
}
