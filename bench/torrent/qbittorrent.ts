/** qBittorrent without a screen, as a seed and as a program to beat: https://github.com/qbittorrent/qBittorrent/wiki/WebUI-API-(qBittorrent-4.1) */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '#testing/process.ts';
import { freePort, type Scope, tempFolder } from '#testing/temp.ts';

type QbittorrentOptions = { host: string; port: number; webPort: number; saveFolder: string };

/** Writes its configuration below `profile`. */
export function configure(profile: string, { host, port, webPort, saveFolder }: QbittorrentOptions): void {
  mkdirSync(join(profile, 'qBittorrent/config'), { recursive: true });
  const session = {
    Port: port,
    Interface: 'lo',
    InterfaceName: 'lo',
    InterfaceAddress: host,
    DHTEnabled: false,
    LSDEnabled: false,
    PeXEnabled: false,
    QueueingSystemEnabled: false,
    MultiConnectionsPerIp: true,
    DefaultSavePath: saveFolder,
  };
  const lines = [
    ...['[LegalNotice]', 'Accepted=true', '[BitTorrent]'],
    ...Object.entries(session).map(([name, value]) => `Session\\${name}=${value}`),
    ...['[Preferences]', `WebUI\\Port=${webPort}`, 'WebUI\\Address=127.0.0.1', 'WebUI\\LocalHostAuth=false'],
    ...['WebUI\\UseUPnP=false', 'Connection\\UPnP=false', ''],
  ];
  writeFileSync(join(profile, 'qBittorrent/config/qBittorrent.conf'), lines.join('\n'));
}

/** Starts one that gives what lies in the folder; resolves with how to ask what it gave so far. */
export async function seedWithQbittorrent(
  t: Scope,
  torrent: Uint8Array,
  folder: string,
): Promise<{ givenBytes(): Promise<number> }> {
  const profile = tempFolder(t);
  const webPort = await freePort();
  configure(profile, { host: '127.0.0.3', port: await freePort(), webPort, saveFolder: folder });
  await startProcess(t, 'qbittorrent-nox', [`--profile=${profile}`], { ready: webPort, readySeconds: 60 });
  const api = `http://127.0.0.1:${webPort}/api/v2/torrents`;
  const form = new FormData();
  form.append('torrents', new Blob([Buffer.from(torrent)]), 'seed.torrent');
  form.append('savepath', folder);
  form.append('skip_checking', 'true');
  await fetch(`${api}/add`, { method: 'POST', body: form });
  const info = async () => ((await (await fetch(`${api}/info`)).json()) as { progress: number; uploaded: number }[])[0];
  while ((await info())?.progress !== 1) await sleep(100);
  return { givenBytes: async () => (await info())?.uploaded ?? 0 };
}

/** Fetches a torrent into the folder and ends: what a person would wait for. Reads `$1` profile, `$2` torrent, `$3` API. */
export const fetchScript = `
qbittorrent-nox --profile="$1" >/dev/null 2>&1 & pid=$!
until curl -sf "$3/app/version" >/dev/null; do sleep 0.05; done
curl -sf -F torrents=@"$2" "$3/torrents/add" >/dev/null
until curl -sf "$3/torrents/info?filter=completed" | grep -q '"progress":1,'; do sleep 0.1; done
curl -sf -X POST "$3/app/shutdown"
wait $pid`;
