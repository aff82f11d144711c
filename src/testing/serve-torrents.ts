/** Real seeds of torrents on loopback: transmission, which checks what it gives, and aria2, which may be told not to. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Encodable, encode } from '#lib/bencode.ts';
import { makeTorrent, type SeedFile, type TorrentVersion } from './make-torrent.ts';
import { type StartedProcess, startProcess } from './process.ts';
import { freePort, releaseAfter, type Scope, tempFolder } from './temp.ts';
import { until } from './until.ts';

export type TestTorrent = {
  name: string;
  files: SeedFile[];
  /** Of the .torrent. */
  bytes: Uint8Array;
};

/** `fields` are added beside the info dictionary, `info` to it. */
export function torrentOf(
  name: string,
  files: SeedFile[],
  {
    version = 'v1' as TorrentVersion,
    pieceLengthBytes = 64 * 1024,
    fields = {} as Record<string, Encodable>,
    info = {} as Record<string, Encodable>,
  } = {},
): TestTorrent {
  const made = makeTorrent({ name, files, version, pieceLengthBytes });
  return { name, files, bytes: encode({ ...made, ...fields, info: { ...made.info, ...info } }) };
}

/** Lays the files out as a client of the torrent has them, and gives the folder. */
export function layOut(t: Scope, { name, files }: Pick<TestTorrent, 'name' | 'files'>): string {
  const folder = tempFolder(t);
  const isOne = files.length === 1 && files[0]?.path.length === 1 && files[0].path[0] === name;
  for (const { path, bytes } of files) {
    const place = join(folder, ...(isOne ? [] : [name]), ...path);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, bytes);
  }
  return folder;
}

export type Tracker = {
  announceUrl: string;
  /** Waits until so many seeds of the torrent are known: whoever asks before waits long until it asks again. */
  untilSeeds(infoHash: string, count: number): Promise<void>;
  /** The same tracker over UDP (BEP 15). */
  udpUrl: string;
  /** Tells it of a seed on 127.0.0.1. */
  addSeed(infoHash: string, port: number): Promise<void>;
  /** How many peers began to take part, seeds and all. */
  readonly beginnerCount: number;
  /** How many said that they have all of a torrent now. */
  readonly completedCount: number;
};

/** A real tracker (https://github.com/webtorrent/bittorrent-tracker) over HTTP and UDP, in this process. */
export async function serveTracker(t: Scope): Promise<Tracker> {
  // It is larger than all else here, and most tests of torrents need none.
  const { default: TrackerServer } = await import('bittorrent-tracker/server');
  const server = new TrackerServer({ http: true, udp: true, ws: false, stats: false });
  let beginnerCount = 0;
  let completedCount = 0;
  server.on('error', () => {}).on('warning', () => {});
  server.on('start', () => beginnerCount++).on('complete', () => completedCount++);
  const listening = Promise.all([once(server.http, 'listening'), once(server.udp, 'listening')]);
  server.listen(0, { http: '127.0.0.1', udp: '127.0.0.1', udp6: '::1' });
  await listening;
  releaseAfter(t, () => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.http.address() as { port: number };
  const announceUrl = `http://127.0.0.1:${port}/announce`;
  return {
    announceUrl,
    udpUrl: `udp://127.0.0.1:${server.udp.address().port}`,
    untilSeeds: (infoHash, count) =>
      until(() => (server.torrents[infoHash]?.complete ?? 0) >= count, `${count} seeds are at the tracker`).then(() => {}),
    addSeed: async (infoHash, seedPort) => {
      const bytes = infoHash.replaceAll(/../g, '%$&');
      const told = `info_hash=${bytes}&peer_id=-XX0000-0123456789ab&port=${seedPort}&left=0&event=started&compact=1`;
      const response = await fetch(`${announceUrl}?${told}`);
      await response.arrayBuffer();
    },
    get beginnerCount() {
      return beginnerCount;
    },
    get completedCount() {
      return completedCount;
    },
  };
}

export type Seed = {
  /** `host:port`, as a peer is named. */
  peer: string;
  process: StartedProcess;
  /** What it gave so far, of files and not of talk. */
  uploadedBytes(): Promise<number>;
};

export type SeedOptions = {
  /** Its own address; every peer should have another. */
  host?: string;
  limitKilobytesPerSecond?: number;
  /** Where the files lie already. */
  folder?: string;
  /** It takes and makes encrypted connections alone. */
  isEncrypted?: boolean;
};

/** Transmission with the files of the torrent, checked and ready. Throws when there is no `transmission-daemon`. */
export async function seedTorrent(t: Scope, torrent: TestTorrent, options: SeedOptions = {}): Promise<Seed> {
  const { host = '127.0.0.2', folder = layOut(t, torrent), limitKilobytesPerSecond, isEncrypted = false } = options;
  const configuration = tempFolder(t);
  const [port, rpcPort] = [await freePort(), await freePort()];
  writeFileSync(join(configuration, 'settings.json'), JSON.stringify({ umask: 18 }));
  const args = [
    ...['-f', '-g', configuration, '-w', folder, '--no-portmap', '--no-dht', '--no-lpd', '--no-utp'],
    ...['-i', host, '-P', String(port), '-p', String(rpcPort), '-r', '127.0.0.1', '-a', '127.0.0.1', '-T'],
    ...(isEncrypted ? ['--encryption-required'] : []),
  ];
  const process = await startProcess(t, 'transmission-daemon', args, { ready: rpcPort, readySeconds: 60 });
  const rpc = transmissionRpc(rpcPort);
  if (limitKilobytesPerSecond !== undefined) {
    await rpc('session-set', { 'speed-limit-up': limitKilobytesPerSecond, 'speed-limit-up-enabled': true });
  }
  await rpc('torrent-add', { metainfo: Buffer.from(torrent.bytes).toString('base64'), 'download-dir': folder });
  await until(async () => (await stateOf(rpc)).isReady, `transmission has checked ${torrent.name}`);
  return { peer: `${host}:${port}`, process, uploadedBytes: async () => (await stateOf(rpc)).uploadedBytes };
}

/** aria2 that gives what lies in the folder, right or not. Throws when there is no `aria2c`. */
export async function seedUnchecked(
  t: Scope,
  torrent: TestTorrent,
  folder: string,
  host = '127.0.0.3',
): Promise<Pick<Seed, 'peer' | 'process'>> {
  const port = await freePort();
  const path = join(tempFolder(t), 'seeded.torrent');
  writeFileSync(path, torrent.bytes);
  const args = [
    ...['--no-conf', '--bt-seed-unverified=true', '--seed-ratio=0.0', '--enable-dht=false', '--bt-enable-lpd=false'],
    ...[
      `--interface=${host}`,
      `--listen-port=${port}`,
      '-d',
      folder,
      '--allow-overwrite=true',
      '--disable-ipv6=true',
      '--file-allocation=none',
      path,
    ],
  ];
  const process = await startProcess(t, 'aria2c', args, { ready: /listening on TCP port/, readySeconds: 60 });
  return { peer: `${host}:${port}`, process };
}

type Rpc = (method: string, given?: object) => Promise<Record<string, unknown>>;

/** https://github.com/transmission/transmission/blob/main/docs/rpc-spec.md */
function transmissionRpc(port: number): Rpc {
  let session = '';
  return async (method, given = {}) => {
    const ask = () =>
      fetch(`http://127.0.0.1:${port}/transmission/rpc`, {
        method: 'POST',
        headers: { 'X-Transmission-Session-Id': session },
        body: JSON.stringify({ method, arguments: given }),
      });
    let response = await ask();
    if (response.status === 409) {
      session = response.headers.get('X-Transmission-Session-Id') ?? '';
      response = await ask();
    }
    const answer = (await response.json()) as { result: string; arguments: Record<string, unknown> };
    if (answer.result !== 'success') throw new Error(`transmission answers ${answer.result} to ${method}`);
    return answer.arguments;
  };
}

async function stateOf(rpc: Rpc): Promise<{ isReady: boolean; uploadedBytes: number }> {
  const fields = ['percentDone', 'status', 'uploadedEver'];
  const { torrents } = (await rpc('torrent-get', { fields })) as { torrents: Record<string, number>[] };
  const [one] = torrents;
  const seeding = 6;
  return { isReady: one?.percentDone === 1 && one.status === seeding, uploadedBytes: one?.uploadedEver ?? 0 };
}
