/** Which pieces are begun, with a stand-in for the library and a real disk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Torrent, Wire } from 'webtorrent';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { Picker } from './picker.ts';
import { PieceStore } from './piece-store.ts';

const pieceLengthBytes = 2 ** 20;
const blockBytes = 16 * 1024;

test('while the disk is behind, a hundredth of the torrent is begun at most', async (t) => {
  const { picker, wire, store, begun } = await withPeer(t, 1024);
  const writing = Array.from({ length: 5 }, (_, at) => put(store, at));
  assert.equal(store.isBehind, true);
  askUntilItEnds();
  assert.equal(begun.size, 8);
  await Promise.all(writing);
  assert.equal(store.isBehind, false);
  askUntilItEnds();
  assert.equal(begun.size, 48);

  function askUntilItEnds(): void {
    for (let before = -1; before !== begun.size; wire.requests.length = 0) {
      before = begun.size;
      picker.ask(wire);
    }
  }
});

async function withPeer(t: Scope, pieces: number) {
  const totalBytes = pieces * pieceLengthBytes;
  const files = [
    {
      index: 0,
      position: 0,
      path: 'film.bin',
      offsetBytes: 0,
      sizeBytes: totalBytes,
      isWanted: true,
      priority: 'normal' as const,
    },
  ];
  const store = new PieceStore(tempFolder(t), { pieceLengthBytes, totalBytes, files });
  await store.prepare();
  releaseAfter(t, () => void store.end());
  const begun = new Map<number, number>();
  const wire = {
    ...{
      type: 'tcpOutgoing',
      destroyed: false,
      peerChoking: false,
      requests: [] as Wire['requests'],
      peerExtendedHandshake: {},
    },
    peerPieces: { get: () => true },
    downloadSpeed: () => 10 ** 9,
  } as unknown as Wire;
  const torrent = {
    _rarityMap: { _pieces: [] },
    _request(peer: Wire, piece: number): boolean {
      const offset = begun.get(piece) ?? 0;
      if (offset >= pieceLengthBytes) return false;
      begun.set(piece, offset + blockBytes);
      peer.requests.push({ piece, offset, length: blockBytes });
      return true;
    },
  } as unknown as Torrent;
  const wanted = Array.from({ length: pieces }, (_, index) => ({ index, priority: 'normal' as const }));
  return { picker: new Picker(torrent, wanted, false, store), wire, store, begun };
}

function put(store: PieceStore, index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    store.put(index, new Uint8Array(pieceLengthBytes), (error) => (error === null ? resolve() : reject(error)));
  });
}
