/** The torrent engine of our own as a test has it: peers of this machine alone, and everything that it says kept. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readMetainfo } from '#wire/metainfo.ts';
import { readParameters } from '#wire/torrent/choices.ts';
import { EmbeddedEngine } from '#wire/torrent/embedded.ts';
import type { FinishedFile, TorrentHooks, TorrentOrder, TorrentState } from '#wire/torrent/engine.ts';
import { orderOf } from '#wire/torrent/order.ts';
import { placeOfFile } from '#wire/torrent/places.ts';
import type { EngineBeginning } from '#wire/torrent/words.ts';
import type { TestTorrent } from './serve-torrents.ts';
import { releaseAfter, type Scope } from './temp.ts';

const beginning: EngineBeginning = {
  ...{ port: 0, dht: false, pex: true, encryption: 'allow', mostPeers: 20, uploadBytesPerSecond: null },
  netAllow: ['127.0.0.0/8'],
};

export function startEngine(t: Scope, options: Partial<EngineBeginning> = {}): EmbeddedEngine {
  const engine = new EmbeddedEngine({ ...beginning, ...options }, process.env.PATH ?? '');
  releaseAfter(t, () => engine.close());
  return engine;
}

export function orderFor(
  torrent: TestTorrent,
  folder: string,
  parameters: Record<string, unknown>,
  selected: number[] | null = null,
): TorrentOrder {
  const job = { folder, mostBytes: null, selected: selected && new Set(selected) };
  const wish = { job, parameters: readParameters(parameters), magnet: null };
  return orderOf(torrent.bytes, readMetainfo(torrent.bytes), wish);
}

/** Everything is there already, as if it had come: the engine hashes it and gives it. */
export function layWhole({ folder }: TorrentOrder, torrent: TestTorrent): void {
  for (const [index, { bytes }] of torrent.files.entries()) {
    const place = placeOfFile(folder, index);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, bytes);
  }
}

export type Watched = TorrentHooks & { states: TorrentState[]; notes: string[] };

export function watch(limit: number | null = null): Watched {
  const states: TorrentState[] = [];
  const notes: string[] = [];
  return {
    states,
    notes,
    state: (state) => states.push(state),
    limitBytesPerSecond: () => limit,
    note: (event) => notes.push(event),
    debug: () => {},
  };
}

export function assertWhole(finished: FinishedFile[], torrent: TestTorrent): void {
  for (const { index, diskPath } of finished) {
    assert.ok(readFileSync(diskPath).equals(torrent.files[index]?.bytes ?? new Uint8Array()), `file ${index}`);
  }
}
