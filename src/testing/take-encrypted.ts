/** aria2 as a peer that has nothing of a torrent and speaks to others over encrypted connections alone, its bytes encrypted too. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProcess } from './process.ts';
import type { TestTorrent, Tracker } from './serve-torrents.ts';
import { freePort, type Scope, tempFolder } from './temp.ts';

/** The bytes of the only file, once they are there. The tracker tells it whom to ask. Throws when there is no `aria2c`. */
export async function takeEncrypted(t: Scope, torrent: TestTorrent, tracker: Tracker): Promise<Buffer> {
  const folder = tempFolder(t);
  const path = join(folder, 'wanted.torrent');
  writeFileSync(path, torrent.bytes);
  const args = [
    ...['--no-conf', '--bt-force-encryption=true', '--seed-time=0', '--enable-dht=false', '--bt-enable-lpd=false'],
    ...[`--listen-port=${await freePort()}`, '--disable-ipv6=true', '--file-allocation=none', '-d', folder],
    ...[`--bt-tracker=${tracker.announceUrl}`, path],
  ];
  const aria2 = await startProcess(t, 'aria2c', args);
  const { code } = await aria2.exited;
  if (code !== 0) throw new Error(`aria2 took nothing:\n${aria2.stdout}${aria2.stderr}`);
  return readFileSync(join(folder, torrent.name));
}
