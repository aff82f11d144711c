/** How each program is told to fetch something. */
import { join } from 'node:path';
import type { TransferOptions } from './case.ts';
import type { Command } from './measure.ts';

export const fileName = 'file.bin';

/** aria2 and curl compute no digest unless asked; the same work is compared. */
export const bare = ['--no-digest'];

/** Our own guard refuses loopback unless it is allowed. */
export const flotillaEnv = { FLOTILLA_NET_ALLOW: '127.0.0.0/8,::1/128' };

export function flotilla(
  options: TransferOptions,
  url: string,
  /** null: as many as it chooses. */
  connections: number | null,
  more: string[] = [],
  env: Record<string, string> = {},
): (folder: string) => Command {
  const get = [
    ...options.flotilla,
    'get',
    url,
    '-o',
    fileName,
    ...(connections === null ? [] : ['-x', String(connections)]),
    ...more,
  ];
  return (folder) => ({ argv: [...get, '-d', folder], env: { ...flotillaEnv, ...env } });
}

export const aria2Quiet = ['aria2c', '--no-conf', '-q', '--console-log-level=error'];

export function aria2Defaults(url: string, connections: number, more: string[] = []): (folder: string) => Command {
  return (folder) => ({
    argv: [...aria2Quiet, `-x${connections}`, `-s${connections}`, ...more, '-d', folder, '-o', fileName, url],
  });
}

/** With pieces of 1 MiB aria2 splits and steals much better than by default, so this is the peer to beat. */
export function aria2(url: string, connections: number, more: string[] = []): (folder: string) => Command {
  return aria2Defaults(url, connections, ['-k1M', ...more]);
}

export function curl(url: string, more: string[] = []): (folder: string) => Command {
  return (folder) => ({ argv: ['curl', '-sSf', ...more, '-o', join(folder, fileName), url] });
}

export function curlThenSha256sum(url: string, sha256: string): (folder: string) => Command {
  const script = 'curl -sSf -o "$2" "$1" && echo "$3  $2" | sha256sum -c --status';
  return (folder) => ({ argv: ['sh', '-c', script, 'sh', url, join(folder, fileName), sha256] });
}
