/** Servers of which a part is slow or full: what the last byte waits for. */
import { readFileSync } from 'node:fs';
import { type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import type { Scope } from '#testing/temp.ts';
import type { Case, TransferOptions } from '../case.ts';
import { aria2, aria2Defaults, bare, fileName, flotilla } from '../programs.ts';

/** With 1 GiB and one of eight connections ten times slower the ideal is 1.80 s. */
const fastBytesPerSecond = 80 * 1024 * 1024;
const mirrorBytesPerSecond = 44 * 1024 * 1024;

export async function unevenCases(t: Scope, options: TransferOptions, path: string, sha256: string): Promise<Case[]> {
  const body = readFileSync(path);
  const [server, mirror] = [await serveHostile(t, { body }), await serveHostile(t, { body })];
  const common = {
    files: new Map([[fileName, sha256]]),
    sizeBytes: options.sizeBytes,
    measure: 'wallSeconds' as const,
    isInMemory: true,
  };
  return [
    { ...common, ...slowOne(options, server, 10), bars: { ideal: 1.1, aria2: 1, 'aria2 defaults': 1 } },
    { ...common, ...slowOne(options, server, 160), bars: { ideal: 1.25, 'aria2 defaults': 0.25 } },
    { ...common, ...slowMirror(options, server, mirror) },
    { ...common, ...ceiling(options, server) },
  ];
}

function slowOne(
  options: TransferOptions,
  server: HostileServer,
  times: number,
): Pick<Case, 'name' | 'title' | 'commands' | 'idealSeconds'> {
  const slowBytesPerSecond = fastBytesPerSecond / times;
  // Each run needs a link of its own, because the server counts the connections of a link.
  const url = () => server.url('slow-nth', { nth: 4, slowBytesPerSecond, bytesPerSecond: fastBytesPerSecond }, fileName);
  return {
    name: `slow-one-of-8-by-${times}`,
    title: `Eight connections of 80 MiB/s, the fourth ${times} times slower`,
    idealSeconds: options.sizeBytes / (7 * fastBytesPerSecond + slowBytesPerSecond),
    commands: {
      flotilla: (folder) => flotilla(options, url(), 8, bare)(folder),
      aria2: (folder) => aria2(url(), 8)(folder),
      'aria2 defaults': (folder) => aria2Defaults(url(), 8)(folder),
    },
  };
}

/** The ideal lets four connections stay on each; whoever moves all eight to the fast one may be faster. */
function slowMirror(
  options: TransferOptions,
  fast: HostileServer,
  slow: HostileServer,
): Pick<Case, 'name' | 'title' | 'commands' | 'idealSeconds' | 'bars'> {
  const slowBytesPerSecond = mirrorBytesPerSecond / 10;
  const urls = () =>
    [
      fast.url('plain', { bytesPerSecond: mirrorBytesPerSecond * 2 }, fileName),
      slow.url('plain', { bytesPerSecond: slowBytesPerSecond * 2 }, fileName),
    ] as const;
  return {
    name: 'slow-mirror',
    title: 'Two mirrors, eight connections; those of the second are ten times slower',
    idealSeconds: options.sizeBytes / (4 * (mirrorBytesPerSecond + slowBytesPerSecond) * 2),
    commands: {
      flotilla(folder) {
        const [link, mirror] = urls();
        return flotilla(options, link, 8, [...bare, '--mirror', mirror])(folder);
      },
      aria2(folder) {
        const [link, mirror] = urls();
        return aria2(link, 8, ['-x4', mirror])(folder);
      },
      'aria2 defaults'(folder) {
        const [link, mirror] = urls();
        return aria2Defaults(link, 8, ['-x4', mirror])(folder);
      },
    },
    bars: { ideal: 1.1, aria2: 0.6, 'aria2 defaults': 0.6 },
  };
}

function ceiling(
  options: TransferOptions,
  server: HostileServer,
): Pick<Case, 'name' | 'title' | 'commands' | 'idealSeconds' | 'bars'> {
  const limit = 4;
  const url = () => server.url('max-connections', { limit, over: 429, bytesPerSecond: fastBytesPerSecond }, fileName);
  return {
    name: 'ceiling-4',
    title:
      'A server that allows four connections of 80 MiB/s and answers 429 to more; eight are asked for (aria2: four, it fails with more)',
    idealSeconds: options.sizeBytes / (limit * fastBytesPerSecond),
    commands: {
      flotilla: (folder) => flotilla(options, url(), 8, bare)(folder),
      aria2: (folder) => aria2(url(), limit)(folder),
    },
    bars: { ideal: 1.15 },
  };
}
