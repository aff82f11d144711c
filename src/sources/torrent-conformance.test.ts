import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { conformSource, type SourceFixture } from '#testing/conform-source.ts';
import type { SeedFile } from '#testing/make-torrent.ts';
import { serveNginx } from '#testing/serve-nginx.ts';
import { servePeer } from '#testing/serve-peer.ts';
import { torrentOf } from '#testing/serve-torrents.ts';
import { torrent } from './torrent.ts';

/** Each file is a torrent of its own, and each folder another one; a web server has the .torrent, a peer the bytes. */
const torrents: SourceFixture = {
  async start(t) {
    const { folder, origin } = await serveNginx(t, { user: 'anna', password: 'right-password' });
    const put = new Map<string, Uint8Array>();
    const peers = new Map<string, string>();
    const offer = async (path: string, files: SeedFile[]) => {
      const made = torrentOf(path.split('/').at(-1) as string, files);
      const place = join(folder, `${path}.torrent`);
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, made.bytes);
      peers.set(path, (await servePeer(t, made)).peer);
    };
    const offerFolder = (name: string) => {
      const below = [...put].filter(([path]) => path.startsWith(`${name}/`));
      return offer(
        name,
        below.map(([path, bytes]) => ({ path: path.split('/').slice(1), bytes })),
      );
    };
    const target = (path: string, place = path) => ({
      link: `${origin}/${place}.torrent`,
      parameters: { peers: [peers.get(path) ?? '127.0.0.4:9'] },
      settings: { dht: false, patienceSeconds: 60 },
    });
    return {
      async put(path, bytes) {
        put.set(path, bytes);
        if (bytes.length > 0) await offer(path, [{ path: [path.split('/').at(-1) as string], bytes }]);
        const [name = path, ...rest] = path.split('/');
        if (rest.length > 0 && [...put].some(([one, { length }]) => one.startsWith(`${name}/`) && length > 0))
          await offerFolder(name);
      },
      async putAll(files) {
        for (const [path, bytes] of files) put.set(path, bytes);
        await offerFolder((files[0]?.[0] ?? '').split('/')[0] as string);
      },
      target: (path) => target(path),
      wrongLogin: (path) => ({
        ...target(path, `private/${path}`),
        request: { user: { name: 'anna', password: 'wrong-password' } },
      }),
      forbid: (path) => target(path, `cookie/${path}`),
      folder: (path) => target(path),
    };
  },
  cannot: {
    range: 'The engine fetches by itself, and nobody reads stretches of what it fetches.',
    'zero bytes': 'A torrent without a byte is refused; empty files among others are tried with folders.',
    'unknown size': 'Every torrent says how large its files are.',
    'odd names': 'The readers of torrents make names safe, and their own tests try them; on disk files have numbers.',
    changed: 'Another version is another torrent, with another hash.',
    cut: 'Peers are connected by a process of its own; embedded.test.ts kills that process and spoils its peers.',
    stall: 'Peers are connected by a process of its own; embedded.test.ts has peers that send nothing.',
  },
};

conformSource(torrent, torrents);
