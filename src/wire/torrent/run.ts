/** Fetches a torrent for a job: finds out what it is, asks an engine, and tells how far it is. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { FlotillaError } from '#core/errors.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Resolution } from '#core/resolution.ts';
import type { EngineJob, EngineResult, SourceContext } from '#core/source.ts';
import { type Magnet, readMagnet } from '#wire/magnet.ts';
import { sandboxOf } from '#wire/sandbox.ts';
import { fetchTorrent } from '#wire/torrent-fetch.ts';
import { resolutionOfMagnet, resolutionOfTorrent } from '#wire/torrent-resolution.ts';
import { readParameters, readSettings, type TorrentParameters } from './choices.ts';
import { EmbeddedEngine, obstacleOf } from './embedded.ts';
import type { TorrentEngine, TorrentOrder, TorrentState } from './engine.ts';
import { ExternalEngine } from './external.ts';
import { documentOf, orderOf } from './order.ts';
import { placeOfDocument } from './places.ts';

/** The descriptions of so many magnets are kept: whoever looked at one mostly fetches it next. */
const mostKept = 32;
const lonelyMs = 30_000;
/** A block (BEP 3). */
const leastBytes = 16 * 1024;

export async function runTorrent(context: SourceContext, job: EngineJob, signal: AbortSignal): Promise<EngineResult> {
  refuseProxy(job.request.proxy);
  const parameters = readParameters(job.parameters);
  const { patienceSeconds } = readSettings(context.settings.torrent);
  const magnet = job.link.protocol === 'magnet:' ? readMagnet(job.link) : null;
  const document = await documentFor(context, job, parameters, magnet, patienceSeconds, signal);
  const metainfo = await sandboxOf(context.shared).read('torrent', document);
  const order = orderOf(document, metainfo, { job, parameters, magnet });
  const watch = new Watch(context, patienceSeconds, job);
  job.show(() => shown(watch.last));
  try {
    const stopped = AbortSignal.any([signal, watch.signal]);
    const hooks = {
      state: (state: TorrentState) => watch.see(state),
      limitBytesPerSecond: job.limitBytesPerSecond,
      note: job.note,
      debug: job.debug,
    };
    const finished = await engineFor(context, order).fetch(order, hooks, stopped);
    const resolution = resolutionOfTorrent(metainfo, job.link);
    const { finalUrl, validator } = resolution;
    const files = finished.map(({ index, diskPath }) => {
      const { path, sizeBytes } = resolution.files[index] as { path: string; sizeBytes: number };
      return { index, path, sizeBytes, diskPath };
    });
    return {
      resolution,
      files,
      facts: { finalUrl, validator, fetchedBytes: watch.receivedBytes, connections: watch.mostConnections },
    };
  } finally {
    watch.end();
  }
}

/** What the peers of a magnet tell; when none does in time, what the magnet itself says. */
export async function probeMagnet(
  context: SourceContext,
  link: URL,
  { proxy }: RequestOptions,
  given: Record<string, unknown> | undefined,
  signal: AbortSignal,
): Promise<Resolution> {
  refuseProxy(proxy);
  const magnet = readMagnet(link);
  const parameters = readParameters(given);
  const { magnetSeconds } = readSettings(context.settings.torrent);
  if (magnet.infoHash === null || magnetSeconds === 0) return resolutionOfMagnet(magnet, link);
  try {
    const document = await documentOfMagnet(context, magnet, parameters, magnetSeconds, signal);
    return resolutionOfTorrent(await sandboxOf(context.shared).read('torrent', document), link);
  } catch (error) {
    if (error instanceof FlotillaError && error.code === 'timed_out') return resolutionOfMagnet(magnet, link);
    throw error;
  }
}

/**
 * The .torrent of a magnet, made of what its peers tell. Throws `timed_out` when none of them told it in time, and `unsupported` for
 * a magnet of version 2 alone.
 */
async function documentOfMagnet(
  context: SourceContext,
  magnet: Magnet,
  parameters: TorrentParameters,
  patienceSeconds: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { infoHash, name, trackers, peers } = magnet;
  if (infoHash === null) {
    const message = 'This magnet is of version 2 alone, which the built-in engine does not fetch. Use one of version 1.';
    throw new FlotillaError('unsupported', message);
  }
  const kept = context.shared.get('torrents of magnets', () => new KeptDocuments());
  const known = kept.documents.get(infoHash);
  if (known !== undefined) return known;
  const patience = AbortSignal.timeout(patienceSeconds * 1000);
  const wish = {
    infoHash,
    name: name ?? infoHash,
    trackers: [...new Set([...parameters.trackers, ...(parameters.onlyTheseTrackers ? [] : trackers)])],
    peers: [...parameters.peers, ...peers.map(({ host, port }) => `${host}:${port}`)],
  };
  try {
    const info = await engineOf(context).fetchMetadata(wish, AbortSignal.any([signal, patience]));
    return kept.keep(infoHash, documentOf(info));
  } catch (error) {
    if (!patience.aborted || signal.aborted) throw error;
    const message = `No peer told within ${patienceSeconds} s what the magnet stands for. Its peers may come back: try later.`;
    throw new FlotillaError('timed_out', message, { cause: error });
  }
}

class KeptDocuments {
  readonly documents = new Map<string, Uint8Array>();

  keep(infoHash: string, document: Uint8Array): Uint8Array {
    this.documents.set(infoHash, document);
    const [oldest] = this.documents.keys();
    if (this.documents.size > mostKept && oldest !== undefined) this.documents.delete(oldest);
    return document;
  }

  close(): void {
    this.documents.clear();
  }
}

function engineOf({ shared, settings, netAllow, searchPath }: SourceContext): TorrentEngine {
  return shared.get('torrent engine', () => {
    const { port, dht, pex, encryption, mostPeers, uploadBytesPerSecond } = readSettings(settings.torrent);
    return new EmbeddedEngine({ port, dht, pex, encryption, mostPeers, uploadBytesPerSecond, netAllow }, searchPath);
  });
}

/** The program that somebody set up, or our own. */
function engineFor(context: SourceContext, order: TorrentOrder): TorrentEngine {
  const { client, clientFor, clientPaths } = readSettings(context.settings.torrent);
  const isWanted = clientFor === 'all' || obstacleOf(order) !== null;
  if (client === null || !isWanted) return engineOf(context);
  const paths = clientPaths.map((text) => {
    const [ours = '', theirs = ''] = text.split('=').map((path) => path.replace(/\/+$/, ''));
    return { ours, theirs };
  });
  return context.shared.get(`torrent program ${client}`, () => new ExternalEngine(client, paths));
}

/** Peers speak over connections of their own, and would see where we are. */
function refuseProxy(proxy: string | undefined): void {
  if (proxy === undefined) return;
  const message = 'Torrents cannot go through a proxy here, and without it peers would see your address. Leave the proxy out.';
  throw new FlotillaError('unsupported', message);
}

/** As it was given, as an earlier run kept it, from a web server, or from the peers of a magnet. */
async function documentFor(
  context: SourceContext,
  job: EngineJob,
  parameters: TorrentParameters,
  magnet: Magnet | null,
  patienceSeconds: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (job.document !== null) return job.document;
  const path = placeOfDocument(job.folder);
  const kept = await readFile(path).catch(() => null);
  if (kept !== null) return kept;
  const document =
    magnet === null
      ? await fetchTorrent(context, job.link, job.request, signal)
      : await documentOfMagnet(context, magnet, parameters, patienceSeconds, signal);
  await writeFile(`${path}.new`, document, { flush: true });
  await rename(`${path}.new`, path);
  return document;
}

/** Sees whether anything comes, and tells when nothing does. */
class Watch {
  readonly #context: SourceContext;
  readonly #job: EngineJob;
  readonly #patienceSeconds: number;
  readonly #stalled = new AbortController();
  #movedAtMs: number;
  #earlierBytes = 0;
  #markBytes = 0;
  #isLonely = false;
  #timer: { cancel(): void } | null = null;
  last: TorrentState | null = null;
  mostConnections = 0;

  constructor(context: SourceContext, patienceSeconds: number, job: EngineJob) {
    this.#context = context;
    this.#job = job;
    this.#patienceSeconds = patienceSeconds;
    this.#movedAtMs = context.clock.mono();
  }

  get signal(): AbortSignal {
    return this.#stalled.signal;
  }

  /** Of all engines that had a part in it. */
  get receivedBytes(): number {
    return this.#earlierBytes + (this.last?.receivedBytes ?? 0);
  }

  see(state: TorrentState): void {
    const before = this.last;
    // Another process begins to count anew.
    if (before !== null && state.receivedBytes < before.receivedBytes) this.#earlierBytes += before.receivedBytes;
    // Peers that only talk bring a torrent no further.
    const isMoving =
      state.phase !== 'fetching' || before === null || Math.abs(state.receivedBytes - this.#markBytes) >= leastBytes;
    // An engine that is only about to begin has nothing to answer for.
    if (before === null) this.#look();
    this.last = state;
    this.mostConnections = Math.max(this.mostConnections, state.connections.length);
    if (!isMoving) return;
    this.#markBytes = state.receivedBytes;
    this.#movedAtMs = this.#context.clock.mono();
    this.#isLonely = false;
  }

  end(): void {
    this.#timer?.cancel();
  }

  #look(): void {
    this.#timer = this.#context.clock.setTimer(1000, () => {
      const waitedMs = this.#context.clock.mono() - this.#movedAtMs;
      if (waitedMs >= this.#patienceSeconds * 1000) return this.#stalled.abort(this.#explain());
      if (waitedMs >= lonelyMs && !this.#isLonely) {
        this.#isLonely = true;
        this.#job.note('waiting', this.#sentence());
      }
      this.#look();
    });
  }

  #explain(): FlotillaError {
    return new FlotillaError('stalled', `${this.#sentence()} It is tried again later.`);
  }

  #sentence(): string {
    const { connections = [], bannedCount = 0 } = this.last ?? {};
    if (bannedCount > 0 && connections.length === 0) {
      return `All peers that sent anything (${bannedCount}) sent wrong bytes and were sent away, and nobody else is there.`;
    }
    if (connections.length === 0) return 'No peer of this torrent can be reached.';
    return `None of the ${connections.length} peers that are connected sends anything that is missing.`;
  }
}

function shown(state: TorrentState | null) {
  if (state === null) return { doneBytes: 0, sizeBytes: null, speedBytesPerSecond: 0, connections: [], ranges: [] };
  const { doneBytes, sizeBytes, speedBytesPerSecond, connections, ranges } = state;
  return { doneBytes, sizeBytes, speedBytesPerSecond, connections, ranges };
}
